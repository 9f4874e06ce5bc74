import { closeSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { faultyClient } from "@skerry/files/fault-words"
import { FILES, type ServedTree } from "@skerry/rpc"
import { DaemonError, messageOf } from "../errors.ts"
import type { FileServer } from "./file-server.ts"
import { TREE_LIMITS } from "./limits.ts"
import { expectAlive, type ServedClient, serve, within } from "./server-calls.ts"
import { ServerWatch } from "./server-watch.ts"

/** What the owner of a client does when its server changes. */
export interface ClientHooks {
  /** The server was started anew; this is the client's new socket, which the hook takes over. */
  onReconnect(fd: number): Promise<void>
  /** There is no server any more, and there will be none. */
  onLost(why: string): void
}

interface Client extends ClientHooks, ServedClient {
  /** Ends of servers that its requests were the reason for. */
  faults: number
}

export interface SupervisorOptions {
  /** For messages: "the state store", or a path. */
  readonly name: string
  readonly start: (signal: AbortSignal) => Promise<FileServer>
  /** What a fresh server needs before clients can be served; fails with an error for people. */
  readonly prepare?: (server: FileServer) => Promise<void>
  readonly monotonicMs: () => number
  readonly onNotice: (text: string) => void
  readonly restartMs?: number
  /** For tests. */
  readonly lookMs?: number
  readonly probationMs?: number
}

type State =
  | { readonly kind: "idle" }
  /** Being started, or waiting to be. */
  | { readonly kind: "starting"; readonly server: Promise<FileServer> }
  | { readonly kind: "running"; readonly server: FileServer; readonly since: number }
  | { readonly kind: "ending" }

/**
 * Keeps one file server running for as long as it has clients.
 *
 *   idle ── needed ──▶ starting ── started, prepared, clients served again ──▶ running
 *   running ── it died, and has clients ──▶ starting (after a wait) ── died too often ──▶ idle: its clients are lost
 *   running ── it died without clients ──▶ idle
 *   any ── end() ──▶ ending
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #clients = new Map<number, Client>()
  readonly #abort = new AbortController()
  #state: State = { kind: "idle" }
  #lastLabel = 0
  #deaths = 0

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  get clients(): number {
    return this.#clients.size
  }

  get isRunning(): boolean {
    return this.#state.kind === "running"
  }

  /** The server, started if need be. Rejects with an error for people. */
  async server(): Promise<FileServer> {
    const state = this.#state
    switch (state.kind) {
      case "running":
        return state.server
      case "starting":
        return await state.server
      case "ending":
        throw new DaemonError("ending", `The file server of ${this.#options.name} has ended with the daemon`)
      case "idle":
        return await this.#begin(0)
    }
  }

  /** A new client, served these trees; its socket is the caller's. */
  async attach(trees: readonly ServedTree[], hooks: ClientHooks): Promise<{ label: number; fd: number }> {
    const server = await this.server()
    this.#lastLabel += 1
    const client: Client = {
      label: this.#lastLabel,
      trees,
      faults: 0,
      onReconnect: (fd) => hooks.onReconnect(fd),
      onLost: (why) => hooks.onLost(why),
    }
    const fd = await serve(server, client, FILES.serve)
    this.#clients.set(client.label, client)
    return { label: client.label, fd }
  }

  /** What the client wrote is durable when this resolves, unless the server died; then it is with the next one. */
  async drop(label: number): Promise<void> {
    if (!this.#clients.delete(label)) return
    const server = await this.#present()
    if (server === undefined) return
    try {
      await server.control.call(FILES.drop, { client: label }, within(TREE_LIMITS.dropMs)).result
    } catch (error) {
      this.#options.onNotice(`the file server of ${this.#options.name}: ${messageOf(error)}`)
    } finally {
      await server.disconnect(label)
    }
  }

  /** Everything is made durable, and the server ends. */
  async end(): Promise<void> {
    const present = this.#present()
    this.#state = { kind: "ending" }
    this.#clients.clear()
    this.#abort.abort(new DaemonError("ending", "The daemon is on its way to its end"))
    await this.#stop(await present)
  }

  /** The server that there is, or is about to be. */
  async #present(): Promise<FileServer | undefined> {
    const state = this.#state
    if (state.kind === "running") return state.server
    return state.kind === "starting" ? await state.server.catch(() => undefined) : undefined
  }

  async #stop(server: FileServer | undefined): Promise<void> {
    if (server === undefined) return
    try {
      await server.control.call(FILES.end, undefined, within(TREE_LIMITS.dropMs)).result
    } catch {
      // It has ended, or will not: either way it is killed now.
    }
    await server[Symbol.asyncDispose]()
  }

  #begin(waitMs: number): Promise<FileServer> {
    const server = this.#start(waitMs)
    this.#state = { kind: "starting", server }
    // Whoever needs it hears of a failure; without clients nobody may.
    server.catch(() => {})
    return server
  }

  async #start(waitMs: number): Promise<FileServer> {
    const { name, prepare, monotonicMs } = this.#options
    let server: FileServer | undefined
    try {
      if (waitMs > 0) await this.#wait(waitMs)
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(TREE_LIMITS.startMs)])
      server = await this.#options.start(signal)
      await prepare?.(server)
      this.#watch(server)
      await this.#serveAgain(server)
      this.#abort.signal.throwIfAborted()
    } catch (error) {
      await server?.[Symbol.asyncDispose]()
      this.#blame(faultyClient((await server?.ended) ?? ""), messageOf(error))
      if (this.#state.kind !== "ending") this.#failed(messageOf(error))
      if (error instanceof DaemonError) throw error
      throw new DaemonError("unusable", `The file server of ${name} cannot be run: ${messageOf(error)}`, {
        cause: error,
      })
    }
    this.#state = { kind: "running", server, since: monotonicMs() }
    const running = server
    void running.ended.then((why) => this.#onEnded(running, why))
    // One that breaks the protocol is as good as dead, and is killed. Where the connection failed, `ended` will say why.
    void running.control.closed.then(({ kind }) => {
      if (kind === "protocol-error") this.#onEnded(running, "it broke the protocol")
    })
    return running
  }

  /** Clients of the server before. One that can't be served any more is lost; where the server dies at it, it throws, and none is. */
  async #serveAgain(server: FileServer): Promise<void> {
    const isTogether = this.#deaths <= TREE_LIMITS.deathsTogether
    const waiting = new Map<Client, number>()
    const attempt = async (client: Client, act: () => Promise<void>) => {
      try {
        await act()
      } catch (error) {
        await expectAlive(server)
        this.#lose(client, messageOf(error))
        await server.disconnect(client.label)
      }
    }
    try {
      // It knows of all before any of them can speak: nobody gets a lock that is another one's.
      for (const client of [...this.#clients.values()]) {
        await attempt(
          client,
          async () => void waiting.set(client, await serve(server, client, FILES.serveAgain)),
        )
      }
      for (const [client, fd] of waiting) {
        if (!this.#clients.has(client.label)) continue // dropped meanwhile
        waiting.delete(client)
        await attempt(client, () => client.onReconnect(fd))
        if (!isTogether) await this.#prove(server, client.label)
      }
    } finally {
      for (const fd of waiting.values()) closeSync(fd)
    }
  }

  /** Servers have died again and again, and did not say why. If this one does it now, or hangs, it is because of this client. */
  async #prove(server: FileServer, label: number): Promise<void> {
    const most = this.#options.probationMs ?? TREE_LIMITS.probationMs
    const end = new AbortController()
    const alive = this.#wait(Math.min(most, TREE_LIMITS.probationsMs / this.#clients.size), end.signal)
    const answered = alive
      .then(() => expectAlive(server))
      .catch(async () => {
        await server[Symbol.asyncDispose]()
        return await server.ended
      })
    const why = await Promise.race([answered, server.ended])
    end.abort()
    if (why === undefined) return
    if (faultyClient(why) === undefined) this.#blame(label, why)
    throw new DaemonError("unusable", why)
  }

  /** One that hangs is killed: what follows is what follows any death. */
  #watch(server: FileServer): void {
    const everyMs = this.#options.lookMs ?? TREE_LIMITS.lookMs
    new ServerWatch(server, everyMs, () => {
      const seconds = (everyMs * TREE_LIMITS.hungLooks) / 1000
      this.#options.onNotice(
        `the file server of ${this.#options.name} has answered nothing for ${seconds} s: it is killed, and started anew`,
      )
      void server[Symbol.asyncDispose]()
    })
  }

  /** The server's end was because of this client: it would ask the next one for the same. */
  #blame(label: number | undefined, why: string): void {
    const client = this.#clients.get(label ?? 0)
    if (client === undefined) return
    client.faults += 1
    if (client.faults < TREE_LIMITS.faults) return
    this.#deaths = 0
    this.#lose(client, `its requests ended the file server ${client.faults} times: ${why}`)
  }

  #lose(client: Client, why: string): void {
    this.#clients.delete(client.label)
    client.onLost(why)
  }

  #onEnded(server: FileServer, why: string): void {
    const state = this.#state
    if (state.kind !== "running" || state.server !== server) return
    const isSteady = this.#options.monotonicMs() - state.since >= TREE_LIMITS.steadyMs
    if (isSteady) this.#deaths = 0
    this.#options.onNotice(`the file server of ${this.#options.name} ended: ${why}`)
    this.#state = { kind: "idle" }
    void server[Symbol.asyncDispose]()
    this.#blame(faultyClient(why), why)
    this.#again(why)
  }

  #failed(why: string): void {
    this.#state = { kind: "idle" }
    if (this.#clients.size > 0) this.#options.onNotice(`the file server of ${this.#options.name}: ${why}`)
    this.#again(why)
  }

  #again(why: string): void {
    if (this.#clients.size === 0) {
      this.#deaths = 0
      return
    }
    this.#deaths += 1
    if (this.#deaths > TREE_LIMITS.restarts) {
      const lost = [...this.#clients.values()]
      this.#clients.clear()
      this.#deaths = 0
      for (const client of lost) client.onLost(`its file server ended too often: ${why}`)
      return
    }
    const first = this.#options.restartMs ?? TREE_LIMITS.restartMs
    void this.#begin(Math.min(first * 2 ** (this.#deaths - 1), TREE_LIMITS.restartMostMs))
  }

  /** Rejects where all ends, or `cut` is aborted. */
  async #wait(ms: number, cut?: AbortSignal): Promise<void> {
    const signal = cut === undefined ? this.#abort.signal : AbortSignal.any([this.#abort.signal, cut])
    await setTimeout(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
