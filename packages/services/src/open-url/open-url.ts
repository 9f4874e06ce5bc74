import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { callWith } from "../call-with.ts"
import { runChild } from "../exec/run-child.ts"
import { handlerFor, IS_OPENING } from "../open-in-vm/handlers.ts"
import type { Program } from "../program.ts"
import { LINK_LIMITS, LinkError, parseLink } from "./link.ts"

/** `qubes.OpenURL`: opens the link on standard input's first line with this domain's handler. */
export const openUrl: Program = async (io) => {
  const link = parseLink(await readLine(io.stdin))
  return await runChild(io, handlerFor(link, new URL(link).protocol), {
    isAside: true,
    environment: { [IS_OPENING]: "yes" },
  })
}

/** The first line without its end. Throws LinkError where it is too long. */
async function readLine(stream: Readable): Promise<string> {
  let text = ""
  for await (const chunk of stream) {
    text += (chunk as Buffer).toString("latin1")
    const end = text.search(/\r?\n/)
    if (end !== -1) return text.slice(0, end)
    if (text.length > LINK_LIMITS.linkBytes) throw new LinkError("The link is too long")
  }
  return text
}

/** What an image may have beside Skerry's own; the first that is there opens what came from elsewhere. */
const BROWSERS = [
  "firefox",
  "firefox-esr",
  "chromium",
  "epiphany-browser",
  "falkon",
  "konqueror",
  "dillo",
  "netsurf-gtk",
]

/**
 * `skerry-open-url LINK`: the image's browser, as far as its programs know (`x-www-browser`). The link opens where the
 * policy says; but a link that came from another domain opens here, or it would go round and round.
 */
export const skerryOpenUrl: Program = async (io) => {
  const [word = ""] = io.argv
  if (io.environment[IS_OPENING] === undefined) return await openLinkIn(io, "@default", word)
  const browser = findProgram(BROWSERS, io.environment.PATH ?? "")
  if (browser === undefined) {
    throw new LinkError("This domain has no browser of its own to open a link with that came from another")
  }
  return await runChild(io, [browser, parseLink(word)], { isAside: true })
}

function findProgram(names: readonly string[], path: string): string | undefined {
  for (const name of names) {
    for (const directory of path.split(":")) {
      if (directory !== "" && existsSync(join(directory, name))) return join(directory, name)
    }
  }
  return undefined
}

export async function openLinkIn(io: Parameters<Program>[0], target: string, word: string): Promise<number> {
  return await callWith(io, { target, service: "qubes.OpenURL" }, Buffer.from(`${parseLink(word)}\n`))
}
