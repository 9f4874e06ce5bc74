import { createHash } from "node:crypto"
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Prng } from "./prng.ts"
import type { FuzzTarget } from "./target.ts"

export interface Finding {
  readonly input: Uint8Array
  readonly error: unknown
}

export interface RunResult {
  readonly inputs: number
  readonly finding: Finding | undefined
}

/** Feeds inputs, `least` at the least, until the time is over or one breaks a promise. The same seed makes the same inputs. */
export async function fuzz(
  target: FuzzTarget,
  seed: number,
  milliseconds: number,
  least = 0,
): Promise<RunResult> {
  const prng = new Prng(seed)
  const end = performance.now() + milliseconds
  let inputs = 0
  while (inputs < least || performance.now() < end) {
    const input = target.generate(prng)
    inputs += 1
    const finding = await tryInput(target, input)
    if (finding !== undefined) return { inputs, finding }
  }
  return { inputs, finding: undefined }
}

export async function tryInput(target: FuzzTarget, input: Uint8Array): Promise<Finding | undefined> {
  try {
    await target.check(Uint8Array.from(input))
    return undefined
  } catch (error) {
    return { input, error }
  }
}

const FINDINGS = join(import.meta.dirname, "findings")

/** Keeps the input for replay; the file's name follows from its bytes. */
export async function saveFinding(target: FuzzTarget, finding: Finding): Promise<string> {
  const directory = join(FINDINGS, target.name)
  const path = join(directory, `${createHash("sha256").update(finding.input).digest("hex").slice(0, 16)}.bin`)
  await mkdir(directory, { recursive: true })
  await writeFile(path, finding.input)
  return path
}

/** Every input that was a finding once. */
export async function readFindings(target: FuzzTarget): Promise<{ name: string; input: Uint8Array }[]> {
  const directory = join(FINDINGS, target.name)
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw error
  })
  return Promise.all(names.map(async (name) => ({ name, input: await readFile(join(directory, name)) })))
}
