import { createHash } from "node:crypto"
import { fstatSync, readSync, writeSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"

/*
 * A guest's memory without the pages that are zero, as runs until the end of the file:
 *
 *  0            4            8
 *  +------------+------------+----------------------+
 *  | first page | page count | page count × 4096    |
 *  +------------+------------+----------------------+
 *   u32 LE       u32 LE, 1–256
 */
const PAGE_BYTES = 4096
const HEADER_BYTES = 8
const RUN_PAGES = 256
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES)

/** Writes a memory to a new file, which is synchronised to disk. Returns the file's SHA-256 in hexadecimal. */
export async function savePages(memoryFd: number, path: string): Promise<string> {
  const hash = createHash("sha256")
  await using file = await open(path, "wx", 0o600)
  const chunk = Buffer.allocUnsafe(RUN_PAGES * PAGE_BYTES)
  const memoryBytes = fstatSync(memoryFd).size
  for (let at = 0; at < memoryBytes; at += chunk.length) {
    const bytes = chunk.subarray(0, readSync(memoryFd, chunk, 0, chunk.length, at))
    for (const [first, count] of usedRuns(bytes)) {
      const header = Buffer.alloc(HEADER_BYTES)
      header.writeUInt32LE(at / PAGE_BYTES + first, 0)
      header.writeUInt32LE(count, 4)
      const pages = bytes.subarray(first * PAGE_BYTES, (first + count) * PAGE_BYTES)
      hash.update(header).update(pages)
      // Unlike write(), this goes on until everything is written or fails.
      await file.writeFile(header)
      await file.writeFile(pages)
    }
  }
  await file.sync()
  return hash.digest("hex")
}

/** First page and page count of each stretch of pages that are not zero. */
export function usedRuns(bytes: Buffer): [number, number][] {
  const runs: [number, number][] = []
  for (let page = 0; page < bytes.length / PAGE_BYTES; page++) {
    const start = page * PAGE_BYTES
    if (ZERO_PAGE.equals(bytes.subarray(start, start + PAGE_BYTES))) continue
    const last = runs.at(-1)
    if (last !== undefined && last[0] + last[1] === page) last[1] += 1
    else runs.push([page, 1])
  }
  return runs
}

/**
 * Fills an empty memory from a file. Resolves with the SHA-256 of what was read; false where the file is not one of
 * these. The caller compares the digest before it uses the memory.
 */
export async function loadPages(
  path: string,
  memoryFd: number,
  signal: AbortSignal,
): Promise<string | false> {
  const hash = createHash("sha256")
  await using file = await open(path, "r")
  const pageCount = fstatSync(memoryFd).size / PAGE_BYTES
  const header = Buffer.alloc(HEADER_BYTES)
  const pages = Buffer.allocUnsafe(RUN_PAGES * PAGE_BYTES)
  for (;;) {
    signal.throwIfAborted()
    const headerBytes = await readFully(file, header)
    if (headerBytes === 0) return hash.digest("hex")
    const first = header.readUInt32LE(0)
    const count = header.readUInt32LE(4)
    if (headerBytes < HEADER_BYTES || count === 0 || count > RUN_PAGES || first + count > pageCount)
      return false
    const run = pages.subarray(0, count * PAGE_BYTES)
    if ((await readFully(file, run)) < run.length) return false
    hash.update(header).update(run)
    writeSync(memoryFd, run, 0, run.length, first * PAGE_BYTES)
  }
}

async function readFully(file: FileHandle, target: Buffer): Promise<number> {
  let length = 0
  while (length < target.length) {
    const { bytesRead } = await file.read(target, length, target.length - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length
}
