import { mkdir, open, rename } from "node:fs/promises"
import { basename, dirname, join } from "node:path"

/**
 * Writes a small file so that after a crash at any point either the old or the new contents are there, whole.
 * What a crash leaves behind is named ".….new" and is written over by the next write.
 */
export async function writeDurably(path: string, contents: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  const temporary = join(dirname(path), `.${basename(path)}.new`)
  const file = await open(temporary, "w", mode)
  try {
    await file.writeFile(contents)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

/** Gives a complete file its final name: its bytes are on the disk before the name is. */
export async function publish(temporary: string, path: string, mode: number): Promise<void> {
  const file = await open(temporary, "r")
  try {
    await file.chmod(mode)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
