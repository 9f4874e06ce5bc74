import { pathToFileURL } from "node:url"

/* Runs one service of the host that its user wrote, in a process of its own. own-services.ts starts it. */

/** What such a service is given; declared for editors in skerry.d.ts (packages/config). */
interface HostServiceCall {
  readonly source: string
  readonly argument: string
  readonly requestedTarget: string
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

const [, , path = ""] = process.argv
const { env } = process
try {
  const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  if (typeof module.default !== "function") throw new Error(`${path} exports no function as default`)
  const serve = module.default as (call: HostServiceCall) => unknown
  const status = await serve({
    source: env.QREXEC_REMOTE_DOMAIN ?? "",
    argument: env.QREXEC_SERVICE_ARGUMENT ?? "",
    requestedTarget: env.QREXEC_REQUESTED_TARGET ?? "",
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  })
  process.exitCode = typeof status === "number" ? status : 0
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
process.stdin.destroy()
