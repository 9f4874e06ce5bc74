import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { ADMIN, type Connection, type DaemonStatus, type DomainRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import type { CommandContext } from "../command.ts"
import type { BackupTimes } from "./backup-rows.ts"
import { BenchHome } from "./bench-home.ts"
import type { CallTimes } from "./calls.ts"
import type { FileTimes } from "./files/measure.ts"
import type { VersionTimes } from "./files/measure-versions.ts"
import type { ManyIdle } from "./idle-domains.ts"

const LIMITS = {
  /** Until what the sample before left behind is cleared away, and the pool is filled. */
  quietMs: 60_000,
  pauseMs: 300,
  pollMs: 20,
} as const

/** What rows measure with. The home with its daemon is made when the first row needs domains. */
export class Bench implements AsyncDisposable {
  readonly context: CommandContext
  readonly environment: NodeJS.ProcessEnv
  /** Measured once each, for several rows. */
  manyIdle: Promise<ManyIdle> | undefined
  callTimes: Promise<CallTimes> | undefined
  backupTimes: BackupTimes | undefined
  fileTimes: FileTimes | undefined
  versionTimes: VersionTimes | undefined
  #home: BenchHome | undefined
  #connection: Connection | undefined
  #standby = 0

  constructor(context: CommandContext) {
    this.context = context
    this.environment = { ...context.environment }
  }

  /** The words of a command line as the user types it. */
  skerry(...words: readonly string[]): string[] {
    const program = fileURLToPath(this.context.programUrl)
    return program.endsWith(".ts") ? [process.execPath, program, ...words] : [program, ...words]
  }

  get home(): BenchHome {
    if (this.#home === undefined) throw new Error("This row needs domains and does not say so")
    return this.#home
  }

  get connection(): Connection {
    if (this.#connection === undefined) throw new Error("This row needs domains and does not say so")
    return this.#connection
  }

  /** From now on so many domains stand by for each image; resolves when all is warm. */
  async useDomains(standby: number): Promise<void> {
    const { context } = this
    const { environment, paths: user, uid, signal, programUrl } = context
    this.#home ??= new BenchHome({ program: this.skerry(), environment, user, uid })
    this.#home.build(standby)
    this.#standby = standby
    this.#connection ??= await openClient({
      paths: this.#home.paths,
      environment: this.#home.environment,
      uid,
      programUrl,
      signal,
    })
    await this.quiet()
  }

  /** Microseconds' precision, from the daemon's own clock. */
  async measure(instance: string, boot: boolean): Promise<number> {
    const { signal } = this.context
    const { microseconds } = await this.connection.call(ADMIN.measure, { instance, boot }, { signal }).result
    return microseconds / 1000
  }

  async status(): Promise<DaemonStatus> {
    for await (const found of this.#list<DaemonStatus>(ADMIN.status)) return found
    throw new CliError("refused", "The daemon says nothing of its status")
  }

  async domain(id: string): Promise<DomainRow> {
    for await (const row of this.#list<DomainRow>(ADMIN.ps)) if (row.domain === id) return row
    throw new CliError("refused", `Domain "${id}" has ended while it was measured`)
  }

  /** Resolves when nothing starts, runs or ends, and the pool is full. */
  async quiet(): Promise<void> {
    if (this.#connection === undefined) return
    for (const deadline = Date.now() + LIMITS.quietMs; Date.now() < deadline; ) {
      const { domains, starting, waiting, standby } = await this.status()
      if (domains + starting + waiting === 0 && standby >= this.#standby) {
        // Nobody types faster; what the daemon prepares for the next start is ready by then.
        await setTimeout(LIMITS.pauseMs, undefined, { signal: this.context.signal })
        return
      }
      await setTimeout(LIMITS.pollMs, undefined, { signal: this.context.signal })
    }
    throw new CliError("refused", `The daemon was not quiet again within ${LIMITS.quietMs / 1000} s`)
  }

  #list<Found>(method: typeof ADMIN.status | typeof ADMIN.ps): AsyncGenerator<Found> {
    return readRows<undefined, Found>(this.connection, method, undefined, this.context.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.close()
    this.#home?.[Symbol.dispose]()
  }
}
