import { spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { ALWAYS, SIGNATURE_FD, STATUS_FD } from "./arguments.ts"
import type { AnswerWriter } from "./frames.ts"
import { GpgError } from "./gpg-error.ts"
import { GPG_LIMITS } from "./limits.ts"

type Environment = Readonly<Record<string, string | undefined>>

type StandardStreams = [Writable, Readable, Readable, Readable, Writable]

/** What gpg reads; both were shown or bounded before. */
export interface GpgInput {
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

/** Runs the vault's own gpg. Its arguments come from arguments.ts alone. */
export class VaultGpg {
  readonly #environment: Environment
  constructor(environment: Environment) {
    const { HOME, GNUPGHOME, PATH, USER, XDG_RUNTIME_DIR, DISPLAY, WAYLAND_DISPLAY, GPG_TTY } = environment
    // Nothing else of the surroundings changes what gpg does: locale, debugging, agents of others.
    this.#environment = {
      HOME,
      GNUPGHOME,
      PATH,
      USER,
      XDG_RUNTIME_DIR,
      DISPLAY,
      WAYLAND_DISPLAY,
      GPG_TTY,
      LC_ALL: "C.UTF-8",
    }
  }

  /** Its output goes to `answer` as it comes. Resolves to its exit status. */
  async relay(args: readonly string[], input: GpgInput, answer: AnswerWriter): Promise<number> {
    const child = this.#start(args)
    const exit = exitOf(child)
    const [stdin, stdout, stderr, status, signature] = child.stdio as StandardStreams
    for (const [stream, bytes] of [
      [stdin, input.data],
      [signature, input.signature],
    ] as const) {
      // gpg may stop reading early: its exit status says why.
      stream.on("error", () => {})
      stream.end(bytes)
    }
    try {
      await Promise.all([
        answer.copy("stdout", stdout),
        answer.copy("stderr", stderr),
        answer.copy("status", status),
      ])
    } catch (error) {
      child.kill("SIGKILL")
      await exit
      throw error
    }
    return exit
  }

  /** Standard output, and the status lines, of what the vault asks for itself; failing is no error here. */
  async read(
    args: readonly string[],
    data: Uint8Array = new Uint8Array(0),
  ): Promise<{ output: string; status: string }> {
    const child = this.#start([...ALWAYS, `--status-fd=${STATUS_FD}`, ...args])
    const exit = exitOf(child)
    const [stdin, stdout, stderr, status] = child.stdio as StandardStreams
    stdin.on("error", () => {})
    stdin.end(data)
    stderr.resume()
    try {
      const [output, statusLines] = await Promise.all([collect(stdout), collect(status)])
      await exit
      return { output, status: statusLines }
    } catch (error) {
      child.kill("SIGKILL")
      await exit
      throw error
    }
  }

  #start(args: readonly string[]) {
    const child = spawn("gpg", args, {
      env: { ...this.#environment },
      stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
    })
    child.stdio[SIGNATURE_FD]?.on("error", () => {})
    return child
  }
}

function exitOf(child: ReturnType<typeof spawn>): Promise<number> {
  const exit = new Promise<number>((resolve, reject) => {
    child.once("error", (cause) =>
      reject(
        new GpgError("no-key", `Cannot run gpg in the vault: ${cause.message}; install gnupg there`, {
          cause,
        }),
      ),
    )
    child.once("exit", (code) => resolve(code ?? 2))
  })
  // Awaited after the output; until then a failure to start waits.
  exit.catch(() => {})
  return exit
}

async function collect(stream: Readable): Promise<string> {
  const pieces: Uint8Array[] = []
  let byteCount = 0
  for await (const piece of stream) {
    byteCount += (piece as Uint8Array).length
    if (byteCount > GPG_LIMITS.listingBytes) {
      throw new GpgError(
        "too-large",
        `gpg's listing in the vault takes over ${GPG_LIMITS.listingBytes} bytes`,
      )
    }
    pieces.push(piece as Uint8Array)
  }
  return Buffer.concat(pieces).toString("utf8")
}
