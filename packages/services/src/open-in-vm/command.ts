import { randomBytes } from "node:crypto"
import { chmod, rename, rm, stat } from "node:fs/promises"
import { basename, resolve } from "node:path"
import { printableLines } from "@skerry/model"
import { openLinkIn } from "../open-url/open-url.ts"
import type { Program, ProgramIo } from "../program.ts"
import { exchange, OpenError } from "./exchange.ts"

/** `qvm-open-in-vm [--view-only] TARGET FILE|LINK` */
export const qvmOpenInVm: Program = (io) => {
  const { isViewOnly, words } = splitWords(io.argv)
  const [target = "", what] = words
  return openIn(io, target, what, isViewOnly)
}

/** `qvm-open-in-dvm [--view-only] FILE|LINK`: in a disposable. */
export const qvmOpenInDvm: Program = (io) => {
  const { isViewOnly, words } = splitWords(io.argv)
  return openIn(io, "@dispvm", words[0], isViewOnly)
}

function splitWords(argv: readonly string[]): { isViewOnly: boolean; words: readonly string[] } {
  const words = argv.filter((word) => word !== "--view-only")
  const unknown = words.find((word) => word.startsWith("--"))
  if (unknown !== undefined)
    throw new OpenError(`Unknown option ${JSON.stringify(unknown)}: there is --view-only`)
  return { isViewOnly: words.length < argv.length, words }
}

async function openIn(
  io: ProgramIo,
  target: string,
  what: string | undefined,
  isViewOnly: boolean,
): Promise<number> {
  if (what === undefined) throw new OpenError("Name one file or link to open")
  if (/^(?:https?|ftp|mailto):/i.test(what)) return await openLinkIn(io, target, what)
  const path = resolve(io.cwd, what)
  const { mode } = await stat(path)
  const answer = `${path}.${randomBytes(4).toString("hex")}`
  try {
    const call = await io.openCall({ target, service: "qubes.OpenInVM" })
    const show = (untrustedText: string) => io.stderr.write(printableLines(untrustedText))
    const changed = await exchange(call, { path, name: basename(path), isViewOnly }, answer, show)
    if (changed === undefined) return 0
    await chmod(answer, mode & 0o777)
    await rename(answer, path)
    return 0
  } finally {
    await rm(answer, { force: true })
  }
}
