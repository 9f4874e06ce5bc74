import type { Linux } from "@skerry/linux"
import { answering, type Loop, type PortHandler } from "@skerry/loop"
import { FILES, type FilesStatus, type ServedTree as WantedTree } from "@skerry/rpc"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { BufferPool } from "../server/buffer-pool.ts"
import { ClientConnection } from "../server/client-connection.ts"
import { FidBudget } from "../server/fid-budget.ts"
import type { AttachableTree } from "../server/served-tree.ts"
import { Session } from "../server/session.ts"
import type { ClientSource } from "./client-source.ts"
import { faultWords } from "./fault-words.ts"
import { ServerError } from "./server-error.ts"
import { statusHandler } from "./status-handler.ts"
import type { TreeSource } from "./tree-source.ts"

export const FILE_SERVER_LIMITS = {
  /** Clients served at once: each has tables of its own. */
  clients: 1024,
  /**
   * How long nobody gets a lock in a tree because a client of the server before may have it: longer than the daemon takes to join all
   * of them again, one after the other; a client that is paused keeps the others waiting no longer.
   */
  reclaimMs: 30_000,
} as const

export interface FileServerOptions {
  readonly loop: Loop
  readonly linux: Linux
  readonly trees: TreeSource
  readonly clients: ClientSource
  /** What is said for people, of clients that broke the protocol. */
  readonly log: (line: string) => void
}

interface Client {
  readonly session: Session
  readonly trees: readonly AttachableTree[]
  /** undefined: its other side is not there yet. */
  connection: ClientConnection | undefined
  giveUp: () => void
}

/** Serves clients, as the daemon asks by FILES. */
export class FileServer {
  readonly #options: FileServerOptions
  readonly #clients = new Map<number, Client>()
  readonly #pool = new BufferPool()
  readonly #budget: FidBudget
  readonly #input = Buffer.allocUnsafeSlow(NINEP_LIMITS.inputBytes)
  #isEnded = false

  constructor(options: FileServerOptions) {
    this.#options = options
    this.#budget = new FidBudget(options.trees.mostFids)
  }

  handlers(): readonly PortHandler[] {
    return [
      answering(FILES.serve, ({ client, trees }) => this.#serve(client, trees, false)),
      answering(FILES.serveAgain, ({ client, trees }) => this.#serve(client, trees, true)),
      answering(FILES.drop, ({ client }) => this.#drop(client)),
      statusHandler(() => this.#status()),
      answering(FILES.end, () => {
        this.end()
        // The loop sends the answer before it waits for the time to pass.
        this.#options.loop.after(0, () => this.#options.loop.stop())
      }),
      ...this.#options.trees.handlers,
    ]
  }

  /** Every client's connection ends, and all is durable. Throws FileError where it is not. */
  end(): void {
    if (this.#isEnded) return
    for (const label of [...this.#clients.keys()]) this.#close(label)
    this.#options.trees.synchronise()
    this.#options.trees.close()
    this.#isEnded = true
  }

  #serve(label: number, wanted: readonly WantedTree[], isAgain: boolean): void {
    if (this.#clients.has(label)) throw new ServerError("known-client", `Client ${label} is served already`)
    if (this.#clients.size >= FILE_SERVER_LIMITS.clients) {
      throw new ServerError("too-many", `At most ${FILE_SERVER_LIMITS.clients} clients are served`)
    }
    const { clients, loop, trees } = this.#options
    const byName = new Map<string, AttachableTree>()
    for (const { attachName, access, tree } of wanted)
      byName.set(attachName, { served: trees.open(tree), access })
    const session = new Session({
      ...{ trees: byName, pool: this.#pool, budget: this.#budget, isAgain },
      now: () => loop.now(),
    })
    if (isAgain) loop.after(FILE_SERVER_LIMITS.reclaimMs, () => session.endReclaiming())
    const client: Client = { session, trees: [...byName.values()], connection: undefined, giveUp: () => {} }
    this.#clients.set(label, client)
    try {
      client.giveUp = clients.open(label, (fd) => this.#connect(label, client, fd))
    } catch (error) {
      this.#forget(label)
      throw error
    }
  }

  #connect(label: number, client: Client, fd: number): void {
    const { loop, linux, log } = this.#options
    client.connection = new ClientConnection({
      loop,
      linux,
      fd,
      session: client.session,
      input: this.#input,
      onEnd: (end) => {
        if (end.kind === "protocol") log(`client ${label} broke the protocol: ${end.error.message}`)
        this.#forget(label)
      },
      asFault: (mistake) => {
        const why = mistake instanceof Error ? mistake.message : String(mistake)
        return new Error(faultWords(label, why), { cause: mistake })
      },
    })
  }

  /** Clients that nobody knows are gone already; what they wrote may still have to be made durable. */
  #drop(label: number): void {
    const failure = this.#close(label)
    if (failure !== undefined) {
      throw new ServerError("not-durable", `What client ${label} wrote may be lost: ${failure}`)
    }
    this.#options.trees.synchronise()
  }

  #close(label: number): string | undefined {
    const client = this.#clients.get(label)
    if (client === undefined) return undefined
    client.giveUp()
    const failure = client.connection === undefined ? client.session.close() : client.connection.close()
    this.#forget(label)
    return failure
  }

  #forget(label: number): void {
    const client = this.#clients.get(label)
    if (!this.#clients.delete(label)) return
    for (const { served } of client?.trees ?? []) this.#options.trees.closed(served)
  }

  #status(): FilesStatus {
    const clients = [...this.#clients].map(([client, { session }]) => ({
      client,
      fids: session.fids,
      requests: session.requests,
    }))
    return { pid: process.pid, clients, memoryBytes: process.memoryUsage.rss() }
  }
}
