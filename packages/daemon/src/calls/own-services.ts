import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, fstatSync, openSync } from "node:fs"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import type { DomainDriver } from "../domain-driver.ts"
import { programBeside } from "../program-beside.ts"
import type { HostCall, HostService } from "./host-services.ts"

/*
 * Services of the host that its user wrote: NAME.ts in host-services/ of the configuration, whose default export is
 *   (call: HostServiceCall) => Promise<number>
 * Each call runs in a process of its own: what a domain sends never meets the daemon's memory there.
 */

export interface OwnServicesOptions {
  /** host-services/ of the configuration. */
  readonly directory: string
  readonly uid: number
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Which service a name means; undefined: none. Looked up at each call, so that a new file counts at once. */
export type FindOwnService = (name: string) => HostService | undefined

/** Processes of such services for one domain at once: each is a whole Node, with the rights of the user. */
const PROCESSES_PER_DOMAIN = 16
/** Others than its owner may write: they would run code as the user. */
const OTHERS_MAY_WRITE = 0o022

export function ownServices(options: OwnServicesOptions): FindOwnService {
  const running = new WeakMap<DomainDriver, number>()
  return (name) => {
    const path = join(options.directory, `${name}.ts`)
    if (!existsSync(path)) return undefined
    return async (call) => {
      const { driver } = call.record.source
      // The user's own calls are bounded by the user.
      if (driver === undefined) return runOwnService(options, path, call)
      const count = running.get(driver) ?? 0
      if (count >= PROCESSES_PER_DOMAIN) throw new Error(`${count} services of the host run for it already`)
      running.set(driver, count + 1)
      try {
        return await runOwnService(options, path, call)
      } finally {
        running.set(driver, (running.get(driver) ?? 1) - 1)
      }
    }
  }
}

async function runOwnService(options: OwnServicesOptions, path: string, call: HostCall): Promise<number> {
  checkOwner(path, options.uid)
  const { params, source } = call.record
  const child = spawn(process.execPath, [programBeside(import.meta.url, "own-service-runner"), path], {
    env: {
      ...options.environment,
      QREXEC_REMOTE_DOMAIN: source.name,
      QREXEC_SERVICE_FULL_NAME:
        params.argument === "" ? params.service : `${params.service}+${params.argument}`,
      QREXEC_SERVICE_ARGUMENT: params.argument,
      QREXEC_REQUESTED_TARGET: params.target,
    },
    stdio: ["pipe", "pipe", "pipe"],
    signal: call.signal,
    killSignal: "SIGKILL",
  })
  child.on("error", () => {}) // told by what is awaited below
  // It need not read all of its input.
  pipeline(call.stdin, child.stdin).catch(() => {})
  // All at once, so that each has somebody who hears of its failure. What the service started may hold its output open.
  const { signal } = call
  const [[code]] = await Promise.all([
    once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>,
    pipeline(child.stdout, call.stdout, { signal }),
    pipeline(child.stderr, call.stderr, { signal }),
  ])
  return code ?? 255
}

function checkOwner(path: string, uid: number): void {
  const descriptor = openSync(path, "r")
  try {
    const { uid: owner, mode } = fstatSync(descriptor)
    if (owner !== uid && owner !== 0) throw new Error(`${path} belongs to user ${owner}, not to you (${uid})`)
    if ((mode & OTHERS_MAY_WRITE) !== 0)
      throw new Error(`Others may write ${path}: chmod go-w takes that away`)
  } finally {
    closeSync(descriptor)
  }
}
