import { copyFile, readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { runTool } from "./tool.ts"

/** A program without its symbols; `work` is a directory of the caller's. */
export async function strippedProgram(source: string, work: string, signal: AbortSignal): Promise<Buffer> {
  const copy = join(work, `${basename(source)}.full`)
  await copyFile(source, copy)
  const stripped = `${copy}.stripped`
  await runTool(`strip ${source}`, "strip", ["--strip-all", "-o", stripped, "--", copy], { signal })
  return await readFile(stripped)
}
