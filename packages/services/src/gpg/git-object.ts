/** A commit or tag as git gives it to be signed: its header lines, an empty line, its message. */
export interface GitObject {
  readonly kind: "commit" | "tag"
  /** By what a person calls them; several of one name are lines of one value. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly message: string
}

/** Bounds of a header: of more, it is shown as plain text. */
export const GIT_LIMITS = {
  /** Parents, encodings and merged tags of one commit. */
  headers: 64,
} as const

const ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const PERSON = /^[^\n]*<[^<>\n]*> [0-9]+ [+-][0-9]{4}$/
const LABELS: Readonly<Record<string, string>> = {
  tree: "Tree",
  parent: "Parent",
  author: "Author",
  committer: "Committer",
  object: "Object",
  type: "Type",
  tag: "Tag",
  tagger: "Tagger",
}
const OTHER = "Other headers"

/**
 * Pure: undefined unless the text is wholly what git would sign: in git's order, with nothing left over. What is shown
 * as a commit therefore is one, and each of its headers is shown.
 */
export function parseGitObject(untrustedText: string): GitObject | undefined {
  const end = untrustedText.indexOf("\n\n")
  const head = end === -1 ? untrustedText.replace(/\n$/, "") : untrustedText.slice(0, end)
  const message = end === -1 ? "" : untrustedText.slice(end + 2)
  const headers: { name: string; value: string }[] = []
  for (const line of head.split("\n")) {
    const last = headers.at(-1)
    // A line that begins with a space goes on with the header before it.
    if (line.startsWith(" ") && last !== undefined) last.value += `\n${line.slice(1)}`
    else {
      const space = line.indexOf(" ")
      if (space < 1 || headers.length === GIT_LIMITS.headers) return undefined
      headers.push({ name: line.slice(0, space), value: line.slice(space + 1) })
    }
  }
  const kind = kindOf(headers)
  if (kind === undefined) return undefined
  const shown = new Map<string, string>()
  for (const { name, value } of headers) {
    const label = LABELS[name] ?? OTHER
    const text = label === OTHER ? `${name} ${value}` : value
    shown.set(label, shown.has(label) ? `${shown.get(label)}\n${text}` : text)
  }
  return { kind, message, headers: [...shown].map(([name, value]) => ({ name, value })) }
}

function kindOf(headers: readonly { name: string; value: string }[]): GitObject["kind"] | undefined {
  const names = headers.map(({ name }) => name).join(" ")
  const areSound = headers.every(({ name, value }) => {
    if (name === "tree" || name === "parent" || name === "object") return ID.test(value)
    if (name === "author" || name === "committer" || name === "tagger") return PERSON.test(value)
    return true
  })
  if (!areSound) return undefined
  if (/^tree(?: parent)* author committer(?: (?!tree|parent|author|committer)\S+)*$/.test(names))
    return "commit"
  if (/^object type tag tagger$/.test(names)) return "tag"
  return undefined
}
