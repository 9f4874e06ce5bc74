import { resolve } from "node:path"
import { printable } from "@skerry/model"
import type { Program } from "../program.ts"
import { ConvertError } from "./convert-error.ts"
import { convertFile, parseDpi } from "./convert-file.ts"

const USAGE = "Usage: skerry-convert [--dpi N] [--in INSTANCE] [--out DIR] FILE…"

/** `skerry-convert FILE…` in a domain: the clean copy of each lies beside it. */
export const convertProgram: Program = async ({ argv, cwd, stderr, openCall }) => {
  const files: string[] = []
  const options: { dpi?: string; in?: string; out?: string } = {}
  const words = [...argv]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--dpi" || word === "--in" || word === "--out") {
      const value = words.shift()
      if (value === undefined) throw new ConvertError("usage", `${word} needs a value. ${USAGE}`)
      options[word.slice(2) as keyof typeof options] = value
    } else if (word === "--") files.push(...words.splice(0))
    else if (word.startsWith("-"))
      throw new ConvertError("usage", `${printable(word)} is no option. ${USAGE}`)
    else files.push(word)
  }
  if (files.length === 0) throw new ConvertError("usage", USAGE)
  const dpi = parseDpi(options.dpi)
  const target = options.in === undefined ? "@dispvm" : `@dispvm:${options.in}`
  const { signal } = new AbortController()
  let status = 0
  for (const file of files) {
    const path = resolve(cwd, file)
    const outputFolder = resolve(cwd, options.out ?? resolve(path, ".."))
    try {
      const made = await convertFile({ openCall, target, path, outputFolder, dpi, signal, onPage: () => {} })
      stderr.write(`${printable(made)}\n`)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      stderr.write(`skerry-convert: ${printable(`${file}: ${error.message}`)}\n`)
      status = 1
    }
  }
  return status
}
