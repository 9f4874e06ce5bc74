import { openSync } from "node:fs"
import { type Duplex, duplexPair } from "node:stream"
import {
  bareHandler,
  CallFailure,
  Connection,
  FILES,
  handler,
  type ServedTree,
  STATE_METHODS,
  type StateKey,
} from "@skerry/rpc"
import { encode } from "@skerry/wire"
import type { FileServer, FileServerHost, ServerRoot } from "../trees/file-server.ts"

/** Outlives its servers, as a disk does. */
export interface FakeStore {
  key: StateKey | undefined
  /** "log" of what was asked, in order: "snapshot notes stop". */
  readonly asked: string[]
  readonly quotas: Map<string, bigint>
}

/** File servers within this process: they serve nothing, and tell what they were asked. */
export class FakeFileServers implements FileServerHost {
  readonly store: FakeStore = { key: undefined, asked: [], quotas: new Map() }
  readonly running: FakeFileServer[] = []
  /** Taken one by one by the starts that follow; where the list is empty, they succeed. */
  readonly faults: string[] = []
  starts = 0

  async start(root: ServerRoot, signal: AbortSignal): Promise<FileServer> {
    await Promise.resolve()
    signal.throwIfAborted()
    this.starts += 1
    const fault = this.faults.shift()
    if (fault !== undefined) throw new Error(fault)
    const server = new FakeFileServer(root, this.store)
    this.running.push(server)
    void server.ended.then(() => this.running.splice(this.running.indexOf(server), 1))
    return server
  }
}

export class FakeFileServer implements FileServer {
  readonly root: ServerRoot
  readonly control: Connection
  readonly ended: Promise<string>
  /** What each client may attach. */
  readonly clients = new Map<number, readonly ServedTree[]>()
  /** Those that a server before it had. */
  readonly again = new Set<number>()
  /** Hears of each client as it is served. */
  onServe: (label: number) => void = () => {}
  /** How often it was asked whether it is there; it answers when this has resolved. */
  asked = 0
  onStatus: () => Promise<unknown> = async () => {}
  /** For a disk. */
  waits = false
  readonly #store: FakeStore
  /** Snapshots are answered when this has resolved. */
  onSnapshot: () => Promise<unknown> = async () => {}
  readonly #control: Duplex
  readonly #serving: Connection
  readonly #end: (why: string) => void
  #isOpen = false

  constructor(root: ServerRoot, store: FakeStore) {
    this.root = root
    this.#store = store
    const { promise, resolve } = Promise.withResolvers<string>()
    this.ended = promise
    this.#end = resolve
    const [ours, theirs] = duplexPair()
    this.#control = ours
    this.control = new Connection(ours)
    this.#serving = new Connection(theirs, { serve: [...this.#handlers(), ...this.#stateHandlers()] })
  }

  /** As if it had been killed, or had ended with these last words. */
  kill(words = "it was ended by SIGKILL"): void {
    this.#serving.close()
    this.control.close()
    this.#end(words)
  }

  /** As if it had been killed with something of ours unread: the connection fails first. */
  reset(words: string): void {
    this.#control.destroy(new Error("read ECONNRESET"))
    setImmediate(() => this.#end(words))
  }

  async isWaiting(): Promise<boolean> {
    return this.waits
  }

  async connect(): Promise<number> {
    return openSync("/dev/null", "r+")
  }

  async disconnect(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
  }

  #serve({ client, trees }: { readonly client: number; readonly trees: readonly ServedTree[] }): undefined {
    const needsStore = trees.some(({ tree }) => tree.kind === "state")
    if (needsStore && !this.#isOpen) throw new CallFailure("locked", "The store is locked")
    this.clients.set(client, trees)
    this.onServe(client)
  }

  #handlers() {
    return [
      handler(FILES.status, async () => {
        this.asked += 1
        await this.onStatus()
        return undefined
      }),
      handler(FILES.serve, (params) => this.#serve(params)),
      handler(FILES.serveAgain, (params) => {
        this.again.add(params.client)
        return this.#serve(params)
      }),
      handler(FILES.drop, ({ client }) => {
        this.clients.delete(client)
        this.#store.asked.push(`drop ${client}`)
        return undefined
      }),
      handler(FILES.end, () => {
        setImmediate(() => this.#end("it was asked to"))
        return undefined
      }),
    ]
  }

  #stateHandlers() {
    const { asked, quotas } = this.#store
    return [
      handler(STATE_METHODS.stateStatus, () => ({
        status:
          this.#store.key === undefined
            ? ("absent" as const)
            : this.#isOpen
              ? ("open" as const)
              : ("locked" as const),
        key: this.#store.key?.kind ?? ("none" as const),
        storedBytes: 0n,
        freeBytes: 0n,
      })),
      handler(STATE_METHODS.stateUnlock, ({ key }) => {
        if (this.#isOpen) return undefined
        this.#store.key ??= key
        if (!isSame(this.#store.key, key)) throw new CallFailure("wrong-key", "This key does not open it")
        this.#isOpen = true
        asked.push("unlock")
        return undefined
      }),
      handler(STATE_METHODS.stateSetKey, ({ present, next }) => {
        if (this.#store.key === undefined || !isSame(this.#store.key, present)) {
          throw new CallFailure("wrong-key", "This key does not open it")
        }
        this.#store.key = next
        return undefined
      }),
      handler(STATE_METHODS.stateSetQuota, ({ tree, bytes }) => {
        quotas.set(tree, bytes)
        return undefined
      }),
      handler(STATE_METHODS.stateSnapshot, async ({ tree, reason }) => {
        asked.push(`snapshot ${tree} ${reason}`)
        await this.onSnapshot()
        return { version: 1, digest: "", isNew: true }
      }),
      handler(STATE_METHODS.statePrune, ({ tree, keep }) => {
        asked.push(`prune ${tree}${keep.daily}`)
        return { removed: 0, freedBytes: 0n }
      }),
      handler(STATE_METHODS.stateExport, async (_, context) => {
        context.send({ done: 1n, total: 2n })
        context.stdout.write("records")
        return { files: 1n, bytes: 7n }
      }),
      // Breaks the protocol: this is no result of this method.
      bareHandler(STATE_METHODS.stateTrees, (_, state) =>
        state.finish(
          "return",
          encode(STATE_METHODS.stateUnlock.params, { key: { kind: "passphrase", passphrase: "x" } }),
        ),
      ),
      handler(STATE_METHODS.stateRollback, () => {
        throw new CallFailure("busy", "Someone \u001b[31mhas it open")
      }),
    ]
  }
}

const isSame = (a: StateKey, b: StateKey): boolean => JSON.stringify(a) === JSON.stringify(b)
