import { createReadStream, createWriteStream } from "node:fs"
import { resolve } from "node:path"
import type { Readable, Writable } from "node:stream"
import { printable, quoted } from "@skerry/model"
import { encode, ProtocolError } from "@skerry/wire"
import type { Program, ProgramIo, ServiceCall } from "../program.ts"
import { type CommandLine, parseCommandLine, type Source } from "./command-line.ts"
import { type AnswerPart, readAnswerParts, requestWriter } from "./frames.ts"
import { GpgError } from "./gpg-error.ts"
import { GPG_LIMITS } from "./limits.ts"
import { isFileAt, OutputFile } from "./output-file.ts"
import { GpgRequest } from "./request.ts"

/** The instance with the keys, where SKERRY_GPG_VAULT (or the reference's QUBES_GPG_DOMAIN) names no other. */
const VAULT = "vault"

/** `skerry-gpg`: takes gpg's command line, has the vault do it, and puts what comes back where gpg would. */
export const gpgClient: Program = async (io) => {
  try {
    const line = parseCommandLine(io.argv)
    // Encoding checks the limits, before anything is opened.
    const request = encodeRequest(line)
    refuseExisting(io, line)
    const { SKERRY_GPG_VAULT, QUBES_GPG_DOMAIN } = io.environment
    const target = SKERRY_GPG_VAULT || QUBES_GPG_DOMAIN || VAULT
    const call = await io.openCall({ target, service: "skerry.Gpg" })
    return await carry(io, line, request, call)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    // gpg's own status for "it did not work"; 1 would mean a bad signature.
    io.stderr.write(`skerry-gpg: ${printable(error.message)}\n`)
    return 2
  }
}

/** Nobody is asked for a result that has no place. */
function refuseExisting(io: ProgramIo, { outputPath, overwrites }: CommandLine): void {
  if (outputPath === undefined || overwrites || !isFileAt(resolve(io.cwd, outputPath))) return
  throw new GpgError("usage", `Cannot write ${quoted(outputPath)}: it exists; --yes overwrites it`)
}

function encodeRequest({ request }: CommandLine): Uint8Array {
  try {
    return encode(GpgRequest, request)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new GpgError("usage", `The vault does not take this command line: ${cause.message}`, { cause })
  }
}

async function carry(
  io: ProgramIo,
  line: CommandLine,
  request: Uint8Array,
  call: ServiceCall,
): Promise<number> {
  // Known before the first byte leaves: an unreadable file is the client's own matter.
  const sending = send(io, line, request, call).catch((error: unknown) => {
    call.cancel()
    throw error
  })
  const complaint = collectComplaint(call.stderr)
  const outputs = new Outputs(io, line)
  try {
    const [status] = await Promise.all([receive(call.stdout, outputs), sending.catch(notPeerGone)])
    const exitCode = await call.exitCode
    if (status === undefined) {
      const why = (await complaint).trim() || `the service ended with status ${exitCode}`
      throw new GpgError("bad-peer", `The vault gave no answer: ${why}`)
    }
    await outputs.finish(status === 0)
    return status
  } catch (error) {
    call.cancel()
    call.exitCode.catch(() => {})
    await outputs.finish(false)
    throw error
  }
}

/** The vault may answer (refuse) before it has read everything: then its answer counts. */
function notPeerGone(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException
  if (code !== "EPIPE" && code !== "ERR_STREAM_DESTROYED" && code !== "ERR_STREAM_PREMATURE_CLOSE")
    throw error
}

async function send(io: ProgramIo, line: CommandLine, request: Uint8Array, call: ServiceCall): Promise<void> {
  call.stdin.on("error", () => {})
  const writer = requestWriter(call.stdin)
  await writer.write("request", request)
  for (const [part, source, max] of [
    ["signature", line.signature, GPG_LIMITS.signatureBytes],
    ["data", line.data, GPG_LIMITS.inputBytes],
  ] as const) {
    if (source === undefined) continue
    let byteCount = 0
    for await (const chunk of open(io, source)) {
      byteCount += (chunk as Uint8Array).length
      if (byteCount > max) throw new GpgError("too-large", `The vault takes ${max} bytes of ${part} at most`)
      await writer.write(part, chunk as Uint8Array)
    }
  }
  await writer.write("end")
  call.stdin.end()
}

function open(io: ProgramIo, source: Source): Readable {
  if (source.kind === "stdin" || (source.kind === "fd" && source.fd === 0)) return io.stdin
  if (source.kind === "fd") return createReadStream("", { fd: source.fd })
  return createReadStream(resolve(io.cwd, source.path))
}

/** Resolves to gpg's exit status; undefined if the stream ends without one. */
async function receive(untrustedInput: Readable, outputs: Outputs): Promise<number | undefined> {
  let status: number | undefined
  for await (const { part, untrustedBytes } of readAnswerParts(untrustedInput)) {
    if (status !== undefined) throw new ProtocolError("out-of-order", "The vault goes on after the end")
    if (part !== "exit") await outputs.write(part, untrustedBytes)
    else if (untrustedBytes.length === 1) status = untrustedBytes[0]
    else throw new ProtocolError("bad-value", "An exit status is one byte")
  }
  return status
}

async function collectComplaint(stderr: Readable): Promise<string> {
  let text = ""
  for await (const chunk of stderr) if (text.length < 1000) text += String(chunk)
  return text.slice(0, 1000)
}

const LIMIT_OF = {
  stdout: GPG_LIMITS.outputBytes,
  stderr: GPG_LIMITS.linesBytes,
  status: GPG_LIMITS.linesBytes,
}

/** Where the parts of an answer go on the client's side. */
class Outputs {
  readonly #byteCounts = { stdout: 0, stderr: 0, status: 0 }
  readonly #file: OutputFile | undefined
  readonly #writers: Readonly<Record<Exclude<AnswerPart, "exit">, Writable | OutputFile | undefined>>

  constructor(io: ProgramIo, { outputPath, overwrites, statusFd, loggerFd }: CommandLine) {
    const writerOf = (fd: number) =>
      fd === 1 ? io.stdout : fd === 2 ? io.stderr : createWriteStream("", { fd, autoClose: false })
    this.#file =
      outputPath === undefined ? undefined : new OutputFile(resolve(io.cwd, outputPath), overwrites)
    this.#writers = {
      stdout: this.#file ?? io.stdout,
      stderr: writerOf(loggerFd),
      status: statusFd === undefined ? undefined : writerOf(statusFd),
    }
  }

  async write(part: Exclude<AnswerPart, "exit">, bytes: Uint8Array): Promise<void> {
    this.#byteCounts[part] += bytes.length
    if (this.#byteCounts[part] > LIMIT_OF[part]) {
      throw new GpgError("too-large", `The vault sends over ${LIMIT_OF[part]} bytes of ${part}`)
    }
    const writer = this.#writers[part]
    if (writer instanceof OutputFile) return writer.write(bytes)
    if (writer === undefined || bytes.length === 0) return
    await new Promise<void>((resolve, reject) =>
      writer.write(bytes, (error) => (error ? reject(error) : resolve())),
    )
  }

  /** The file is there afterwards if, and only if, all went well. */
  finish(isGood: boolean): Promise<void> {
    return this.#file?.finish(isGood) ?? Promise.resolve()
  }
}
