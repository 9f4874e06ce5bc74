import { PassThrough, type Readable } from "node:stream"
import { text } from "node:stream/consumers"
import type { CallTo, Program, ProgramIo, ServiceCall } from "./program.ts"

/** A service as tests offer it to callers in the same process. */
export interface OfferedService {
  readonly program: Program
  readonly environment?: ProgramIo["environment"]
  readonly openCall?: ProgramIo["openCall"]
}

/** Calls that run a program of this process, its streams joined to the caller's: what the daemon does, without any policy. */
export function callsInto(services: Readonly<Record<string, OfferedService>>): ProgramIo["openCall"] {
  return (to) => {
    const offered = services[to.service]
    if (offered === undefined) return Promise.reject(new Error(`No service ${to.service}`))
    return Promise.resolve(startService(offered, to))
  }
}

function startService(offered: OfferedService, to: CallTo): ServiceCall {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const { program, environment, openCall = noCalls } = offered
  const io: ProgramIo = {
    argv: [],
    environment: { ...environment, QREXEC_SERVICE_ARGUMENT: to.argument ?? "", QREXEC_REMOTE_DOMAIN: "work" },
    cwd: "/",
    stdin,
    stdout,
    stderr,
    openCall,
  }
  const exitCode = program(io)
    .catch((error: unknown) => {
      if (!stderr.destroyed) stderr.write(`${String(error)}\n`)
      return 1
    })
    .finally(() => {
      stdout.end()
      stderr.end()
    })
  const cancel = () => {
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
  }
  to.signal?.addEventListener("abort", cancel, { once: true })
  return { stdin, stdout, stderr, exitCode, cancel }
}

const noCalls: ProgramIo["openCall"] = ({ service }) =>
  Promise.reject(new Error(`No call of ${service} is expected`))

/** Runs a program to its end, and keeps what it wrote. */
export async function runProgram(program: Program, io: Partial<ProgramIo> & { readonly input?: Readable }) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const stdin = new PassThrough()
  if (io.input === undefined) stdin.end()
  const outputs = Promise.all([text(stdout), text(stderr)])
  const status = await program({
    argv: [],
    environment: {},
    cwd: "/",
    stdin: io.input ?? stdin,
    stdout,
    stderr,
    openCall: noCalls,
    ...io,
  })
  stdout.end()
  stderr.end()
  const [output, errors] = await outputs
  return { status, output, errors }
}
