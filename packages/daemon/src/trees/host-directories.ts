import { closeSync } from "node:fs"
import type { ServedTree } from "@skerry/rpc"
import type { FileServerHosts } from "./file-server.ts"
import { type OpenedPath, openAgain } from "./open-directory.ts"
import { type ClientHooks, Supervisor } from "./supervisor.ts"

export interface HostDirectoriesOptions {
  readonly hosts: FileServerHosts
  readonly monotonicMs: () => number
  readonly onNotice: (text: string) => void
  readonly restartMs?: number
}

/** A client of one directory's server. */
export interface DirectoryClient {
  readonly fd: number
  drop(): Promise<void>
}

interface Served {
  readonly supervisor: Supervisor
  readonly handle: number
  /** Clients, and those that are about to be. */
  users: number
}

/** One file server for each directory of the host, and what may be done with it, that somebody has, for as long as somebody has it. */
export class HostDirectories {
  readonly #options: HostDirectoriesOptions
  readonly #served = new Map<string, Served>()
  readonly #ending = new Set<Promise<void>>()

  constructor(options: HostDirectoriesOptions) {
    this.#options = options
  }

  /** `opened` stays the caller's. */
  async attach(
    opened: OpenedPath,
    access: "read" | "write",
    trees: readonly ServedTree[],
    hooks: ClientHooks,
  ): Promise<DirectoryClient> {
    const key = `${opened.key} ${access}`
    const served = this.#served.get(key) ?? this.#open(key, access, opened)
    served.users += 1
    try {
      const { label, fd } = await served.supervisor.attach(trees, hooks)
      const drop = async () => {
        await served.supervisor.drop(label)
        await this.#leave(key, served)
      }
      return { fd, drop }
    } catch (error) {
      await this.#leave(key, served)
      throw error
    }
  }

  async end(): Promise<void> {
    for (const [key, served] of this.#served) void this.#close(key, served)
    await Promise.all(this.#ending)
  }

  #open(key: string, access: "read" | "write", opened: OpenedPath): Served {
    const { handle: held, owner, path } = opened
    const { hosts } = this.#options
    // Of its own: a server that dies later is started anew with it.
    const handle = openAgain(held)
    const supervisor = new Supervisor({
      ...this.#options,
      name: path,
      start: (signal) => hosts.process.start({ kind: "directory", handle, access, owner, path }, signal),
    })
    const served: Served = { supervisor, handle, users: 0 }
    this.#served.set(key, served)
    return served
  }

  async #leave(key: string, served: Served): Promise<void> {
    served.users -= 1
    if (served.users === 0 && this.#served.get(key) === served) await this.#close(key, served)
  }

  #close(key: string, { supervisor, handle }: Served): Promise<void> {
    this.#served.delete(key)
    const ended = supervisor.end().finally(() => {
      closeSync(handle)
      this.#ending.delete(ended)
    })
    this.#ending.add(ended)
    return ended
  }
}
