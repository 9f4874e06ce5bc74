import type { BackendName, IsolationBackend } from "@skerry/isolation"
import type { Level } from "@skerry/model"
import type { DaemonStatus } from "@skerry/rpc"
import { DaemonError, messageOf } from "./errors.ts"

/** How to open a backend; opening it finds out whether this host can use it. */
export interface BackendOpener {
  readonly name: BackendName
  readonly level: Level
  readonly open: () => Promise<IsolationBackend>
}

interface Opening extends BackendOpener {
  readonly backend: Promise<IsolationBackend>
}

/**
 * The backends of this host, all being opened from the start, so that a slow probe of one keeps nobody from
 * another. To each level belongs one: an instance gets the level it names, never the other.
 */
export class Backends implements AsyncDisposable {
  readonly #openings: readonly Opening[]

  constructor(openers: readonly BackendOpener[]) {
    this.#openings = openers.map((opener) => {
      const backend = opener.open()
      backend.catch(() => {}) // told to whoever needs it
      return { ...opener, backend }
    })
  }

  /** Fails with "unusable", which says how to mend it. */
  async forLevel(level: Level): Promise<IsolationBackend> {
    const opening = this.#openings.find((each) => each.level === level)
    if (opening === undefined) {
      throw new DaemonError("unusable", `This Skerry has no backend for isolation level "${level}"`)
    }
    try {
      return await opening.backend
    } catch (cause) {
      throw new DaemonError(
        "unusable",
        `Isolation level "${level}" cannot be had on this host: ${messageOf(cause)}; "skerry doctor" says more, and nothing weaker is used instead`,
        { cause },
      )
    }
  }

  status(): Promise<DaemonStatus["backends"]> {
    return Promise.all(
      this.#openings.map(async ({ level, name, backend }) => {
        try {
          return { level, name, acceleration: (await backend).features.acceleration, problem: undefined }
        } catch (error) {
          return { level, name, acceleration: undefined, problem: messageOf(error) }
        }
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { backend } of this.#openings) {
      const opened = await backend.catch(() => undefined)
      await opened?.[Symbol.asyncDispose]()
    }
  }
}
