import { constants, openSync } from "node:fs"
import { resolve } from "node:path"
import { Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { OnProgress } from "@skerry/model"
import type { Connection } from "@skerry/rpc"
import {
  bridgeToReceiver,
  copyArgument,
  encodeReadList,
  FilecopyError,
  measureFiles,
  type Quota,
  receiveFiles,
  type ServiceCall,
  sendFiles,
} from "@skerry/services"
import { CliError } from "../cli-error.ts"
import { openHostCall, saidBy, UntrustedText } from "./host-call.ts"
import { arrivingName } from "./places.ts"

export interface CopyContext {
  readonly connection: Connection
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
  readonly allNames: boolean
  readonly ignoreSymlinks: boolean
  readonly quota: Quota
}

const FILECOPY = "qubes.Filecopy"
const FILE_READ = "skerry.FileRead"

/** Host files to a domain's ~/QubesIncoming/dom0. */
export async function copyIn(context: CopyContext, paths: readonly string[], domain: string): Promise<void> {
  const { allNames, ignoreSymlinks, onProgress } = context
  const { bytes } = measureFiles(paths, ignoreSymlinks)
  onProgress({ kind: "begin", step: domain, label: `To ${domain}`, total: bytes, unit: "bytes" })
  const send = async (resume: boolean) => {
    const argument = copyArgument({ allNames, resume, from: undefined })
    const call = openHostCall(
      context.connection,
      { target: domain, service: FILECOPY, argument },
      context.signal,
    )
    return await withReason(call, domain, async () => {
      const outcome = await sendFiles({
        paths,
        output: call.stdin,
        replies: call.stdout,
        resume,
        ignoreSymlinks,
        onProgress: (done) => onProgress({ kind: "advance", step: domain, done }),
      })
      call.stdin.end()
      return outcome
    })
  }
  if ((await send(true)).kind === "plain-peer") await send(false)
  onProgress({ kind: "end", step: domain })
}

/** A domain's files to a directory of the host. What comes is parsed here, with every limit of a receiver. */
export async function copyOut(
  context: CopyContext,
  domain: string,
  paths: readonly string[],
  hostDirectory: string,
): Promise<void> {
  const directory = openDirectory(resolve(hostDirectory))
  const call = openReader(context, domain, paths)
  await withReason(
    call,
    domain,
    async () => {
      await receiveFiles({
        directory,
        input: call.stdout,
        replies: call.stdin,
        quota: context.quota,
        allNames: context.allNames,
        resume: true,
        isGreeted: true,
        wanted: new Set(paths.map(arrivingName)),
        onProgress: (done) => context.onProgress({ kind: "advance", step: domain, done }),
      })
      call.stdin.end()
    },
    showTotal(context, domain),
  )
  context.onProgress({ kind: "end", step: domain })
}

/** From one domain to another: the host passes the bytes on, and parses none of them. */
export async function relayCopy(
  context: CopyContext,
  from: string,
  paths: readonly string[],
  to: string,
): Promise<void> {
  const argument = copyArgument({ allNames: context.allNames, resume: true, from })
  const receiver = openHostCall(
    context.connection,
    { target: to, service: FILECOPY, argument },
    context.signal,
  )
  await withReason(receiver, to, async () => {
    await bridgeToReceiver(receiver)
    const reader = openReader(context, from, paths)
    let done = 0
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        done += chunk.length
        context.onProgress({ kind: "advance", step: from, done })
        next(null, chunk)
      },
    })
    await withReason(
      reader,
      from,
      async () => {
        const replies = pipeline(receiver.stdout, reader.stdin)
        replies.catch(() => {}) // the receiver may end before the reader has heard all
        await pipeline(reader.stdout, counter, receiver.stdin)
        await replies.catch(() => {})
      },
      showTotal(context, from),
    )
  })
  context.onProgress({ kind: "end", step: from })
}

function openReader(context: CopyContext, domain: string, paths: readonly string[]): ServiceCall {
  const { connection, signal, onProgress } = context
  const argument = copyArgument({ allNames: false, resume: true, from: undefined })
  const call = openHostCall(connection, { target: domain, service: FILE_READ, argument }, signal)
  call.stdin.on("error", () => {}) // the call's end says why
  call.stdin.write(encodeReadList(paths))
  onProgress({ kind: "begin", step: domain, label: `From ${domain}`, unit: "bytes" })
  return call
}

const TOTAL = /^total (\d{1,15}) \d{1,15}\n/

/** A reader says first how much there is to come; it may lie, which only makes a wrong bar. */
const showTotal =
  ({ onProgress }: CopyContext, step: string) =>
  (untrustedText: string): void => {
    const [, total] = TOTAL.exec(untrustedText) ?? []
    if (total !== undefined) onProgress({ kind: "advance", step, done: 0, total: Number(total) })
  }

/** Runs the copy, and then waits for the call: where either fails, the most telling reason is thrown. */
async function withReason<T>(
  call: ServiceCall,
  domain: string,
  copy: () => Promise<T>,
  onText?: (untrustedText: string) => void,
): Promise<T> {
  const said = new UntrustedText(call.stderr, onText)
  let outcome: T
  try {
    outcome = await copy()
  } catch (error) {
    if (!isBrokenOff(error)) {
      call.cancel()
      throw error
    }
    const status = await call.exitCode // a refusal is thrown here
    throw failureOf(domain, said.text, status) ?? error
  }
  const status = await call.exitCode
  if (status !== 0)
    throw failureOf(domain, said.text, status) ?? new CliError("refused", `${domain}: status ${status}`)
  return outcome
}

/** The streams ended before their time: the other side knows why. */
const isBrokenOff = (error: unknown) =>
  error instanceof FilecopyError
    ? error.code === "cut" || (error.code === "peer-failed" && error.cause !== undefined)
    : ["ERR_STREAM_PREMATURE_CLOSE", "EPIPE"].includes((error as NodeJS.ErrnoException).code ?? "")

function failureOf(domain: string, untrustedText: string, status: number): CliError | undefined {
  if (status === 127) {
    return new CliError("refused", `${domain} has no such service: rebuild its image with "skerry build"`)
  }
  const said = saidBy(domain, untrustedText.replace(TOTAL, ""))
  return said === "" ? undefined : new CliError("refused", said)
}

const WHY_NOT: Readonly<Record<string, string>> = {
  ENOTDIR: "it is no directory",
  ENOENT: "there is no such directory; make it first",
  EACCES: "you may not write there",
}

function openDirectory(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CliError("refused", `Cannot copy to ${path}: ${WHY_NOT[code ?? ""] ?? code}`, {
      cause,
    })
  }
}
