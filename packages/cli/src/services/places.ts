import { quoted } from "@skerry/model"
import { CliError } from "../cli-error.ts"

/** One end of a copy. */
export type Place =
  | { readonly kind: "host"; readonly path: string }
  | { readonly kind: "domain"; readonly domain: string; readonly path: string }

/** `mail:report.pdf`, `@dispvm:pdf:`, or a host path; one with a ":" in its first name is written `./a:b`. */
export function parsePlace(word: string): Place {
  const [, domain, path] = /^((?:@dispvm:)?[a-z][a-z0-9-]*):(.*)$/s.exec(word) ?? []
  if (domain === undefined || path === undefined) return { kind: "host", path: word }
  return { kind: "domain", domain, path }
}

export interface CopyPlan {
  /** Host paths to send; empty where there are none. */
  readonly hostPaths: readonly string[]
  /** By domain, the paths to fetch there. */
  readonly fetched: ReadonlyMap<string, readonly string[]>
  readonly to: Place
}

/** What `skerry cp WORD… WORD` means. Throws CliError "usage". */
export function planCopy(words: readonly string[]): CopyPlan {
  const to = parsePlace(words.at(-1) ?? "")
  const hostPaths: string[] = []
  const fetched = new Map<string, string[]>()
  for (const place of words.slice(0, -1).map(parsePlace)) {
    if (place.kind === "host") hostPaths.push(place.path)
    else fetched.set(place.domain, [...(fetched.get(place.domain) ?? []), checkName(place)])
  }
  if (hostPaths.length + fetched.size === 0) throw usage("Name what to copy, and where to")
  if (to.kind === "host" && hostPaths.length > 0) {
    throw usage("Both ends are on the host: name a domain as in mail:report.pdf or mail:")
  }
  if (to.kind === "domain" && to.path !== "") {
    throw usage(
      `Cannot copy to ${quoted(to.path)} in ${to.domain}: what comes from outside arrives in ~/QubesIncoming there; write ${to.domain}:`,
    )
  }
  return { hostPaths, fetched, to }
}

const usage = (message: string) => new CliError("usage", message)

/** The name under which it arrives must be known: nothing else is taken. */
function checkName({ domain, path }: { readonly domain: string; readonly path: string }): string {
  const name = arrivingName(path)
  if (["", ".", ".."].includes(name) || path.includes("\0")) {
    throw usage(`Name a file or directory of ${domain}, as in ${domain}:report.pdf`)
  }
  return path
}

export const arrivingName = (path: string): string => path.replace(/\/+$/, "").replace(/^.*\//s, "")
