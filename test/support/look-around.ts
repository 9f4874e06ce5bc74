import {
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { createConnection } from "node:net"
import { networkInterfaces } from "node:os"

/* Run in the place of the file server: tells on the control connection what there is to see. */
const outcome = (act: () => unknown): string => {
  try {
    return JSON.stringify(act()) ?? "done"
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error)
  }
}
const handle = 6
const status = readFileSync("/proc/self/status", "utf8")
const found = {
  passwd: outcome(() => readFileSync("/etc/passwd", "utf8").length),
  root: readdirSync("/").sort((a, b) => (a < b ? -1 : 1)),
  home: outcome(() => readdirSync("/root")),
  served: outcome(() => readdirSync("/served")),
  above: outcome(() => readdirSync("/served/..")),
  write: outcome(() => writeFileSync("/served/new", "x")),
  writeRoot: outcome(() => writeFileSync("/new", "x")),
  processes: readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length,
  interfaces: Object.keys(networkInterfaces()),
  noNewPrivileges: /NoNewPrivs:\s*1/.test(status),
  capabilities: /CapEff:\s*(\S+)/.exec(status)?.[1],
  bounding: /CapBnd:\s*(\S+)/.exec(status)?.[1],
  seccomp: /Seccomp:\s*(\d)/.exec(status)?.[1],
  descriptors: readdirSync("/proc/self/fd").flatMap((fd) => {
    const link = outcome(() => readlinkSync(`/proc/self/fd/${fd}`))
    return Number(fd) > 2 && link.includes("/") && !link.includes("/proc") ? [`${fd} ${link}`] : []
  }),
  handle: outcome(() => openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY) > 0),
}
createConnection({ host: "127.0.0.1", port: 22 })
  .on("error", (error: NodeJS.ErrnoException) => {
    writeSync(3, `${JSON.stringify({ ...found, connect: error.code })}\n`)
    process.exit(0)
  })
  .on("connect", () => process.exit(1))
