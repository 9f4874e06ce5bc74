import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/*
 * What a program did to the files below one directory, in order, as strace saw it: for tests that cut power at every
 * point of it. A program notes where it stands by writing lines that begin with "@" to standard error.
 */
export type WriteEvent =
  /** `isDurable`: on disk when it returned (O_DSYNC). */
  | {
      readonly kind: "write"
      readonly path: string
      readonly offset: number
      readonly bytes: Buffer
      readonly isDurable: boolean
    }
  | { readonly kind: "truncate"; readonly path: string; readonly bytes: number }
  | { readonly kind: "punch"; readonly path: string; readonly offset: number; readonly bytes: number }
  | { readonly kind: "create" | "unlink"; readonly path: string }
  | { readonly kind: "make-directory" | "remove-directory"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string }
  /** Of a file or a directory. */
  | { readonly kind: "sync"; readonly path: string }
  | { readonly kind: "note"; readonly text: string }

const CALLS =
  "openat,lseek,write,writev,pwrite64,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,copy_file_range,sendfile"

export const hasStrace = () => spawnSync("strace", ["-V"]).status === 0

/** Runs a program under strace. Paths in the events are relative to `directory`; its own making is the path "". */
export function recordWrites(directory: string, file: string, argv: readonly string[]): WriteEvent[] {
  const own = mkdtempSync(join(tmpdir(), "skerry-strace-"))
  const files = new OpenFiles(directory)
  try {
    const output = join(own, "trace")
    const options = [
      "-f",
      "-y",
      "-xx",
      "-s",
      "16777216",
      "-e",
      `trace=${CALLS}`,
      "-e",
      "signal=none",
      "-o",
      output,
    ]
    const { status, stderr } = spawnSync("strace", [...options, file, ...argv], { encoding: "utf8" })
    if (status !== 0) throw new Error(`The recorded program failed: ${stderr}`)
    return parseTrace(readFileSync(output, "latin1"), files)
  } finally {
    rmSync(own, { recursive: true })
  }
}

/** One call of the trace, put together where it was interrupted by another thread's. */
interface Call {
  readonly name: string
  readonly args: string
  readonly result: number
}

function parseTrace(trace: string, files: OpenFiles): WriteEvent[] {
  const events: WriteEvent[] = []
  const unfinished = new Map<string, string>()
  for (const line of trace.split("\n")) {
    const space = line.indexOf(" ")
    const thread = line.slice(0, space)
    let text = line.slice(space).trimStart()
    if (text.endsWith(" <unfinished ...>")) {
      unfinished.set(thread, text.slice(0, -" <unfinished ...>".length))
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(text)?.[0]
    if (resumed !== undefined) text = (unfinished.get(thread) ?? "") + text.slice(resumed.length)
    const call = parseCall(text)
    if (call !== undefined && call.result >= 0) events.push(...files.eventsOf(call))
  }
  return events
}

function parseCall(text: string): Call | undefined {
  const open = text.indexOf("(")
  const end = text.lastIndexOf(") ")
  const result = /^\) += (-?\d+)/.exec(text.slice(end))?.[1]
  if (open < 0 || end < 0 || result === undefined) return undefined
  return { name: text.slice(0, open), args: text.slice(open + 1, end), result: Number(result) }
}

const STRING = /"((?:\\x[0-9a-f]{2})*)"/g
const unhex = (text: string) => Buffer.from(text.replaceAll("\\x", ""), "hex")
const stringsIn = (args: string) => [...args.matchAll(STRING)].map(([, hex = ""]) => unhex(hex))
/** Numbers after the last string, structure or descriptor. */
const numbersIn = (args: string) =>
  args
    .slice(Math.max(args.lastIndexOf('"'), args.lastIndexOf("]"), args.lastIndexOf(">")) + 1)
    .match(/\d+/g)
    ?.map(Number) ?? []

/** Knows positions and flags of descriptors, as far as plain write() needs them. */
class OpenFiles {
  readonly #directory: string
  readonly #opened = new Map<
    number,
    { position: number; readonly isDurable: boolean; readonly appends: boolean }
  >()
  readonly #sizes = new Map<string, number>()

  /** Files that are there already are known from now on. */
  constructor(directory: string) {
    this.#directory = directory
    if (!existsSync(directory)) return
    for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
      this.#sizes.set(name, statSync(join(directory, name)).size)
    }
  }

  eventsOf({ name, args, result }: Call): WriteEvent[] {
    const fd = Number.parseInt(args, 10)
    const path = this.#relative(/^\d+<([^>]*)>/.exec(args)?.[1] ?? "")
    const [first, second] = stringsIn(args).map((bytes) => this.#below(bytes.toString()))
    switch (name) {
      case "openat":
        return this.#open(args, result, first)
      case "lseek": {
        const opened = this.#opened.get(fd)
        if (opened !== undefined) opened.position = result
        return []
      }
      case "write":
      case "writev":
      case "pwrite64":
      case "pwritev":
      case "pwritev2":
        if (fd === 2) return notesIn(Buffer.concat(stringsIn(args)).toString())
        return path === undefined ? [] : [this.#write(name, path, fd, args, result)]
      case "ftruncate": {
        const bytes = numbersIn(args)[0] ?? 0
        if (path !== undefined) this.#sizes.set(path, bytes)
        return path === undefined ? [] : [{ kind: "truncate", path, bytes }]
      }
      case "fallocate": {
        const [offset = 0, bytes = 0] = numbersIn(args)
        if (path === undefined) return []
        if (!args.includes("FALLOC_FL_PUNCH_HOLE")) throw new Error(`Cannot model fallocate(${args})`)
        return [{ kind: "punch", path, offset, bytes }]
      }
      case "fsync":
      case "fdatasync":
        return path === undefined ? [] : [{ kind: "sync", path }]
      case "rename":
      case "renameat":
      case "renameat2":
        return first === undefined || second === undefined
          ? []
          : [{ kind: "rename", path: first, to: second }]
      case "unlink":
      case "unlinkat":
      case "rmdir": {
        const isDirectory = name === "rmdir" || args.includes("AT_REMOVEDIR")
        return first === undefined ? [] : [{ kind: isDirectory ? "remove-directory" : "unlink", path: first }]
      }
      case "mkdir":
      case "mkdirat":
        return first === undefined ? [] : [{ kind: "make-directory", path: first }]
      default:
        if (path !== undefined) throw new Error(`Cannot model ${name}(${args})`)
        return []
    }
  }

  #open(args: string, fd: number, path: string | undefined): WriteEvent[] {
    if (path === undefined) return []
    const isDurable = /O_D?SYNC/.test(args)
    this.#opened.set(fd, { position: 0, isDurable, appends: args.includes("O_APPEND") })
    const isNew = args.includes("O_CREAT") && !this.#sizes.has(path)
    if (isNew || args.includes("O_TRUNC")) this.#sizes.set(path, 0)
    if (isNew) return [{ kind: "create", path }]
    return args.includes("O_TRUNC") ? [{ kind: "truncate", path, bytes: 0 }] : []
  }

  #write(name: string, path: string, fd: number, args: string, result: number): WriteEvent {
    const bytes = Buffer.concat(stringsIn(args)).subarray(0, result)
    const opened = this.#opened.get(fd)
    let offset = numbersIn(args).at(name === "pwritev2" ? -2 : -1) ?? 0
    if (name === "write" || name === "writev") {
      offset = opened?.appends === true ? (this.#sizes.get(path) ?? 0) : (opened?.position ?? 0)
      if (opened !== undefined) opened.position = offset + bytes.length
    }
    this.#sizes.set(path, Math.max(this.#sizes.get(path) ?? 0, offset + bytes.length))
    return { kind: "write", path, offset, bytes, isDurable: opened?.isDurable ?? false }
  }

  #relative(escaped: string): string | undefined {
    return this.#below(escaped.includes("\\x") ? unhex(escaped).toString() : escaped)
  }

  #below(path: string): string | undefined {
    if (path === this.#directory) return ""
    return path.startsWith(`${this.#directory}/`) ? path.slice(this.#directory.length + 1) : undefined
  }
}

const notesIn = (text: string): WriteEvent[] =>
  text.split("\n").flatMap((line) => (line.startsWith("@") ? [{ kind: "note", text: line.slice(1) }] : []))
