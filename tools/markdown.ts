import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "./source-files.ts"

export interface CodeBlock {
  /** What follows the fence: "ts", "json", "sh". */
  readonly language: string
  readonly text: string
  /** Of its first line. */
  readonly line: number
}

export interface Document {
  /** From the repository's root. */
  readonly path: string
  /** Without fenced code. */
  readonly prose: string
  readonly blocks: readonly CodeBlock[]
}

/** Every document of this repository. */
export function documents(): Document[] {
  const places = ["*.md", "docs/**/*.md", "packages/**/*.md", "{fuzz,test,tools,share}/**/*.md"]
  return globSync(places, { cwd: ROOT, exclude: ["**/node_modules/**"] })
    .sort()
    .map((path) => parseDocument(path, readFileSync(join(ROOT, path), "utf8")))
}

export function parseDocument(path: string, text: string): Document {
  const prose: string[] = []
  const blocks: CodeBlock[] = []
  let open: { language: string; line: number; text: string[] } | undefined
  text.split("\n").forEach((line, index) => {
    const fence = /^```(.*)$/.exec(line)
    if (open === undefined && fence === null) prose.push(line)
    else if (open === undefined) open = { language: fence?.[1] ?? "", line: index + 2, text: [] }
    else if (fence === null) open.text.push(line)
    else {
      blocks.push({ ...open, text: `${open.text.join("\n")}\n` })
      open = undefined
    }
  })
  return { path, prose: prose.join("\n"), blocks }
}

/** The anchors that a page of this document has, one for each heading, as GitHub makes them. */
export function anchorsOf({ prose }: Document): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ""] of prose.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "")
    const anchor = words.replaceAll(" ", "-")
    let unique = anchor
    for (let number = 1; anchors.has(unique); number++) unique = `${anchor}-${number}`
    anchors.add(unique)
  }
  return anchors
}
