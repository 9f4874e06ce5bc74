import assert from "node:assert/strict"
import { existsSync, globSync } from "node:fs"
import { basename, dirname, join, normalize } from "node:path"
import { test } from "node:test"
import { anchorsOf, type Document, documents, parseDocument } from "./markdown.ts"
import { ROOT } from "./source-files.ts"

const all = documents()
const byPath = new Map(all.map((document) => [document.path, document]))

/** Written by a person or by `skerry init`, and no part of this repository. */
const OF_USERS = new Set(["skerry.config.ts", "skerry.d.ts", "mail.ts"])

test("headings give the anchors that GitHub gives", () => {
  const text =
    "# What is *not* defended?\n## `skerry run`, in short\n## Notes\n## Notes\n```\n# no heading\n```\n"
  assert.deepEqual(
    [...anchorsOf(parseDocument("x.md", text))],
    ["what-is-not-defended", "skerry-run-in-short", "notes", "notes-1"],
  )
})

test("every relative link leads to a file, and to a heading in it", () => {
  const broken = all.flatMap((document) =>
    linksOf(document).flatMap((link) => {
      const why = brokenLink(document, link)
      return why === undefined ? [] : [`${document.path}: ${link}: ${why}`]
    }),
  )
  assert.deepEqual(broken, [])
})

test("every path of this repository that is named exists", () => {
  const names = new Set(
    globSync(["packages/*/src/**/*.ts", "{test,tools,fuzz}/**/*.ts"], { cwd: ROOT }).map((path) =>
      basename(path),
    ),
  )
  const missing = all.flatMap((document) =>
    [...document.prose.matchAll(/`([^`\s]+)`/g)].flatMap(([, word = ""]) => {
      const isPath = /^(?:\.ci|packages|docs|test|testdata|tools|fuzz|share)\/[\w./*{},-]+$/.test(word)
      if (isPath && globSync(word, { cwd: ROOT }).length === 0) return [`${document.path}: ${word}`]
      const isSource = /^[\w-]+(?:\.[\w-]+)*\.ts$/.test(word) && !OF_USERS.has(word)
      return isSource && !names.has(word) ? [`${document.path}: ${word}`] : []
    }),
  )
  assert.deepEqual(missing, [])
})

test("every document can be reached from the README", () => {
  const reached = new Set(["README.md"])
  for (const path of reached) {
    const document = byPath.get(path)
    if (document === undefined) continue
    for (const link of linksOf(document)) {
      const target = normalize(join(dirname(path), link.replace(/#.*/, "")))
      // A link to a folder shows all that is in it.
      for (const each of byPath.keys())
        if (each === target || `${dirname(each)}/` === target) reached.add(each)
    }
  }
  const lost = all.map(({ path }) => path).filter((path) => path.startsWith("docs/") && !reached.has(path))
  assert.deepEqual(lost, [])
})

function linksOf({ prose }: Document): string[] {
  const code = prose.replace(/`[^`\n]*`/g, "")
  const inline = code.matchAll(/\]\(([^)\s]+)(?:\s"[^"]*")?\)/g)
  const attributes = code.matchAll(/\b(?:src|href|srcset)="([^"\s]+)"/g)
  return [...inline, ...attributes].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/.test(link))
}

function brokenLink(document: Document, link: string): string | undefined {
  const [path = "", anchor] = link.split("#")
  const target = path === "" ? document.path : normalize(join(dirname(document.path), path))
  if (target.startsWith("..")) return "it leads out of the repository"
  if (!existsSync(join(ROOT, target))) return "there is no such file"
  if (anchor === undefined) return undefined
  const anchors = byPath.get(target)
  return anchors !== undefined && anchorsOf(anchors).has(anchor) ? undefined : "there is no such heading"
}
