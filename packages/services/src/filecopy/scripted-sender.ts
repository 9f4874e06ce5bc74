import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runProgram } from "../testing.ts"
import { receiveIncoming } from "./filecopy-service.ts"

/* For tests: a sender that sends whatever it is told to, and a receiver with a home of its own. */

const FILE = 0o100_644
export const DIRECTORY = 0o040_755
const SYMLINK = 0o120_777
export const END = Buffer.alloc(32)

interface Sent {
  readonly name: string | Buffer
  readonly mode?: number
  readonly content?: string | Buffer
  /** Announced, where it is not what comes. */
  readonly bytes?: bigint
  readonly nanoseconds?: number
}

export function entry({ name, mode = FILE, content = "", bytes, nanoseconds = 0 }: Sent): Buffer {
  const nameBytes = Buffer.concat([Buffer.from(name), Buffer.alloc(1)])
  const contentBytes = Buffer.from(content)
  const header = Buffer.alloc(32)
  header.writeUInt32LE(nameBytes.length, 0)
  header.writeUInt32LE(mode, 4)
  header.writeBigUInt64LE(bytes ?? BigInt(contentBytes.length), 8)
  header.writeUInt32LE(nanoseconds, 28)
  return Buffer.concat([header, nameBytes, contentBytes])
}

export const directory = (name: string) => entry({ name, mode: DIRECTORY })
export const link = (name: string, target: string) => entry({ name, mode: SYMLINK, content: target })

/** A domain's home, which the domain "evil" sends to. */
export class Home implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "skerry-filecopy-"))
  readonly path = join(this.#folder, "home")
  readonly incoming = join(this.path, "QubesIncoming/evil")

  constructor() {
    mkdirSync(this.path)
  }

  /** Sends as much as the receiver takes. */
  async receive(
    chunks: Iterable<Buffer>,
    { argument = "", quota = "", source = "evil" } = {},
  ): Promise<{ readonly status: number; readonly errno: number | undefined }> {
    const quotaFile = join(this.#folder, "quota")
    writeFileSync(quotaFile, quota)
    const run = runProgram((io) => receiveIncoming(io, quotaFile), {
      environment: {
        HOME: this.path,
        QREXEC_REMOTE_DOMAIN: source,
        QREXEC_SERVICE_ARGUMENT: argument,
      },
    })
    const replies: Buffer[] = []
    run.stdout.on("data", (bytes: Buffer) => replies.push(bytes))
    run.stderr.resume()
    let isOver = false
    void run.status.then(() => {
      isOver = true
    })
    for (const chunk of chunks) {
      if (isOver || run.stdin.destroyed) break
      if (!run.stdin.write(chunk)) {
        await Promise.race([run.status, new Promise((resolve) => run.stdin.once("drain", resolve))])
      }
    }
    run.stdin.end()
    const status = await run.status
    const all = Buffer.concat(replies)
    return { status, errno: all.length < 4 ? undefined : all.readUInt32LE(0) }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}
