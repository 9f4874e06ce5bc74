import { randomBytes } from "node:crypto"
import { closeSync, writeSync } from "node:fs"
import { userInfo } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { currentStamp, loadCurrent } from "@skerry/image"
import { openLinux } from "@skerry/linux"
import { hostPaths } from "@skerry/model"
import { shippedPolicies } from "@skerry/policy/files"
import { BoundedLog } from "./bounded-log.ts"
import { openDaemon } from "./daemon.ts"
import { HomeError } from "./errors.ts"
import { hostBackends } from "./host-backends.ts"
import { DAEMON_LIMITS } from "./limits.ts"
import { proportionalBytes } from "./process-memory.ts"

/*
 * skerryd: the composition root, and the only place that reads the environment.
 *
 *   --idle-seconds N   end after so long without domains and clients; without it, never (under a supervisor)
 *   --ready-fd N       write "ready" there, or a code and a sentence that says why not, and close it
 *
 * SIGTERM and SIGINT end all domains, then the daemon. Killed with -9 its domains end with it, and the next daemon
 * clears away what is left: adopting them would mean to trust what an unknown death left of their state.
 */
const { values } = parseArgs({
  options: { "idle-seconds": { type: "string" }, "ready-fd": { type: "string" } },
})
const readyFd = values["ready-fd"] === undefined ? undefined : Number(values["ready-fd"])
const idleMs =
  values["idle-seconds"] === undefined ? Number.POSITIVE_INFINITY : Number(values["idle-seconds"]) * 1000
const uid = process.getuid?.() ?? 0
const paths = hostPaths(process.env, uid)
const accountsDirectory = join(hostPaths({ ...process.env, SKERRY_HOME: undefined }, uid).runtime, "accounts")
const log = new BoundedLog(2, DAEMON_LIMITS.logFileBytes)
const linux = openLinux()

function tellStarter(text: string): void {
  if (readyFd === undefined) return
  try {
    writeSync(readyFd, text)
    closeSync(readyFd)
  } catch {
    // Whoever started us did not wait; there may be others who want to connect.
  }
}

try {
  const host = hostBackends({
    paths,
    uid,
    path: process.env.PATH ?? "/usr/bin:/bin",
    accountsDirectory,
    linux,
    anyImage: async () => {
      if ((await currentStamp(paths)) === undefined) return undefined
      return (await loadCurrent(paths)).images.values().next().value
    },
    onNotice: (text) => log.line(new Date(), text),
  })
  const daemon = await openDaemon({
    paths,
    uid,
    generations: { stamp: () => currentStamp(paths), load: () => loadCurrent(paths) },
    backends: host.openers,
    fileServers: host.fileServers,
    home: process.env.HOME ?? userInfo().homedir,
    releaseHost: host.release,
    host: {
      tryLock: (descriptor) => linux.tryLock(descriptor),
      peerUid: (descriptor) => linux.peerCredentials(descriptor).uid,
      receiveMessage: (descriptor) => linux.receiveDescriptors(descriptor, 64),
      pipes: linux,
    },
    now: Date.now,
    monotonicMs: () => performance.now(),
    randomBytes,
    memoryBytes: proportionalBytes,
    idleMs,
    environment: process.env,
    policyDirectories: [join(paths.configuration, "policy.d"), shippedPolicies(import.meta.filename)],
    onNotice: (text) => log.line(new Date(), text),
    onRow: ({ time, domain, kind, text }) => {
      if (kind === "domain") log.line(new Date(time), `${domain}: ${text}`)
    },
  })
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => {
      log.line(new Date(), `${signal}: ending`)
      setTimeout(() => process.exit(1), DAEMON_LIMITS.shutdownMs).unref()
      void daemon.end()
    })
  }
  log.line(new Date(), `process ${process.pid} serves ${paths.runtime}`)
  tellStarter("ready\n")
  await daemon.ended
  log.line(new Date(), "ended")
  process.exit(0)
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  log.line(new Date(), message)
  const code = error instanceof HomeError ? error.code : "failed"
  tellStarter(`${code} ${message}\n`)
  process.exit(1)
}
