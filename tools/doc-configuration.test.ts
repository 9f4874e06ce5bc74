import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { CONFIG_JSON, CONFIG_TYPESCRIPT, configurationJsonSchema } from "@skerry/config"
import { loadIn } from "@skerry/config/testing"
import { type CodeBlock, documents } from "./markdown.ts"

/* Every configuration that a document shows is evaluated, and every field is explained. */
const all = documents()
const page = all.find(({ path }) => path === "docs/configuration.md")

async function load(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-doc-"))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    return (await loadIn(folder)).canonicalJson
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const isTypescript = ({ language, text }: CodeBlock) =>
  language === "ts" && /from "skerry"/.test(text) && text.includes("export default defineSystem")

for (const document of all) {
  for (const [index, block] of document.blocks.entries()) {
    const where = `${document.path}:${block.line}`
    if (isTypescript(block)) {
      test(`the configuration in ${where} is good`, async () => {
        // It may import the JSON file that stands right before it.
        const before = document.blocks[index - 1]
        const data = before?.language === `json ${CONFIG_JSON}` ? { [CONFIG_JSON]: before.text } : {}
        assert.match(await load({ [CONFIG_TYPESCRIPT]: block.text, ...data }), /^\{"applications"/)
      })
    } else if (block.language === "json refused") {
      test(`the configuration in ${where} is refused, as the text after it says`, async () => {
        const said = await load({ [CONFIG_JSON]: block.text })
        assert.equal(said.slice(said.indexOf(CONFIG_JSON)), document.blocks[index + 1]?.text.trimEnd())
      })
    } else if (block.language === `json ${CONFIG_JSON}` || (document === page && block.language === "json")) {
      test(`the configuration in ${where} is good`, async () => {
        assert.match(await load({ [CONFIG_JSON]: block.text }), /^\{"applications"/)
      })
    }
  }
}

interface Properties {
  readonly properties?: Readonly<Record<string, Properties & { readonly default?: unknown }>>
  readonly additionalProperties?: unknown
  readonly oneOf?: readonly Properties[]
}

/** Each field with its default, also those of named entries and of kinds. */
function fieldsOf(schema: Properties, name = ""): [string, unknown][] {
  const isPrefix = ["standby", "limits", "calls", "state", "state.keep"].includes(name)
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]): [string, unknown][] => {
    const shown = isPrefix ? `${name}.${key}` : key
    return [[shown, field.default], ...fieldsOf(field, shown)]
  })
  const entries = schema.additionalProperties
  const named = typeof entries === "object" && entries !== null ? fieldsOf(entries as Properties) : []
  return [...own, ...named, ...(schema.oneOf ?? []).flatMap((each) => fieldsOf(each))]
}

test("every field has its row, with its default", () => {
  const fields = fieldsOf(configurationJsonSchema() as Properties)
  for (const name of ["applications", "packages", "cpuWeight", "limits.startsWaiting"]) {
    assert.ok(
      fields.some(([field]) => field === name),
      `the walk did not find ${name}`,
    )
  }
  const isSection = (name: string) =>
    [
      "$schema",
      "kind",
      "applications",
      "resources",
      "instances",
      "settings",
      "standby",
      "limits",
      "calls",
      "state",
      "state.keep",
    ].includes(name)
  for (const [name, value] of fields) {
    if (isSection(name)) continue
    const row = page?.prose.split("\n").find((line) => line.startsWith(`| \`${name}\` |`))
    const shown = row?.split("|")[2]?.trim()
    const wanted = value === undefined ? "required" : `\`${JSON.stringify(value)}\``
    assert.equal(shown, wanted, `${name} in docs/configuration.md`)
  }
})
