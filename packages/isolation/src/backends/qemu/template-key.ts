import { randomBytes } from "node:crypto"
import { link, mkdir, open, readFile, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { hasCode } from "../../cgroup-domain.ts"

const KEY_BYTES = 32

/**
 * The key that templates are authenticated with. It appears under its name complete or not at all; a file of another
 * length (someone has cut it) is replaced, which makes every older template worthless.
 */
export async function readOrMakeKey(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const known = await readKey(path)
  if (known?.length === KEY_BYTES) return known
  if (known !== undefined) await rm(path, { force: true })
  const partial = `${path}.${randomBytes(8).toString("hex")}`
  try {
    await writeKey(partial)
    await link(partial, path)
  } catch (error) {
    // Another daemon has just made it.
    if (!hasCode(error, "EEXIST")) throw error
  } finally {
    await rm(partial, { force: true })
  }
  const key = await readFile(path)
  if (key.length !== KEY_BYTES) throw new Error(`${path} is no key: remove it`)
  return key
}

async function readKey(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined
    throw error
  }
}

async function writeKey(path: string): Promise<void> {
  await using file = await open(path, "wx", 0o600)
  await file.writeFile(randomBytes(KEY_BYTES))
  await file.sync()
}
