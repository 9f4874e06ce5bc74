import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { printable } from "@skerry/model"
import { publish } from "../durable.ts"
import { asImageError, ImageError } from "../errors.ts"
import { LIMITS } from "../limits.ts"
import type { LockedPackage } from "../lock.ts"
import type { FetchOptions } from "../package-source.ts"
import { lastWords, tryTool } from "../tool.ts"
import { freeBytesOf } from "../work-space.ts"
import type { AptDirectory } from "./apt-directory.ts"

type Addressed = readonly [item: LockedPackage, address: string]

/** As PackageSource.fetch. apt's own downloader is used, so that the host's proxies and certificates apply. */
export async function fetchPackages(
  wanted: readonly Addressed[],
  apt: AptDirectory,
  options: FetchOptions,
): Promise<void> {
  try {
    const partial = join(options.directory, "partial")
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true, mode: 0o755 })
    let bytes = 0
    const missing: Addressed[] = []
    for (const entry of wanted) {
      if (await isPresent(packagePath(options.directory, entry[0]), entry[0], options.signal))
        bytes += entry[0].size
      else missing.push(entry)
    }
    options.onBytes(bytes)
    for (let at = 0; at < missing.length; at += LIMITS.downloadBatch) {
      const batch = missing.slice(at, at + LIMITS.downloadBatch)
      await fetchBatch(batch, partial, apt, { ...options, onBytes: (done) => options.onBytes(bytes + done) })
      bytes += sizeOf(batch)
      options.onBytes(bytes)
    }
    await rm(partial, { recursive: true, force: true })
  } catch (error) {
    throw asImageError(error, "download packages", options.directory)
  }
}

export function packagePath(directory: string, item: LockedPackage): string {
  return join(directory, `${item.sha256}.deb`)
}

/** Read again each time: what a build uses was never altered on disk since. */
async function isPresent(path: string, item: LockedPackage, signal: AbortSignal): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.size === item.size && (await fileSha256(path, signal)) === item.sha256
}

async function fetchBatch(
  batch: readonly Addressed[],
  partial: string,
  apt: AptDirectory,
  options: FetchOptions,
): Promise<void> {
  const target = (item: LockedPackage) => join(partial, `${item.sha256}.deb`)
  const total = sizeOf(batch)
  const result = await tryTool(
    "/usr/lib/apt/apt-helper",
    [
      ...apt.options,
      "-o",
      "APT::Status-Fd=3",
      "download-file",
      // No digest is given to apt: what arrived is checked below, where expected and found can be told.
      ...batch.flatMap(([item, address]) => [address, target(item), ""]),
    ],
    {
      signal: options.signal,
      onStatusLine: (line) => {
        const percent = /^dlstatus:[0-9]+:([0-9.]+):/.exec(line)?.[1]
        if (percent !== undefined) options.onBytes(Math.round((Math.min(Number(percent), 100) / 100) * total))
      },
    },
  )
  for (const [item, address] of batch) {
    const arrived = await stat(target(item)).catch(() => undefined)
    if (arrived?.size !== item.size) await checkForRest(item, arrived?.size ?? 0, options.directory)
    if (arrived === undefined) throw unreachableFile(item, address, lastWords(result.stderr))
    if (arrived.size < item.size) {
      throw new ImageError(
        "truncated",
        `Cannot use ${item.name} ${item.version} from ${printable(address)}: only ${arrived.size} of its ${item.size} bytes arrived; try again, or choose another mirror`,
      )
    }
    const found = await fileSha256(target(item), options.signal)
    if (found !== item.sha256) {
      throw new ImageError(
        "wrong-digest",
        `Cannot use ${item.name} ${item.version} from ${printable(address)}: expected SHA-256 ${item.sha256}, found ${found}; the mirror is broken or tampered with`,
      )
    }
    await publish(target(item), packagePath(options.directory, item), 0o644)
  }
}

/** The downloader does not say that a disk is full in a way that a program could read. */
async function checkForRest(item: LockedPackage, arrivedBytes: number, directory: string): Promise<void> {
  const restBytes = item.size - arrivedBytes
  if ((await freeBytesOf(directory)) >= restBytes) return
  throw new ImageError(
    "disk-full",
    `Cannot download ${item.name} ${item.version}: the disk of ${directory} is full, and ${restBytes} bytes are still to come; free some space there`,
  )
}

function unreachableFile(item: LockedPackage, address: string, words: string): ImageError {
  return new ImageError(
    "unreachable",
    `Cannot fetch ${item.name} ${item.version} from ${printable(address)}: ${words}; check the network, or run "skerry build --update" if the mirror has a newer version`,
  )
}

function sizeOf(batch: readonly Addressed[]): number {
  return batch.reduce((sum, [item]) => sum + item.size, 0)
}

export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256")
  await pipeline(createReadStream(path), hash, signal === undefined ? {} : { signal })
  return hash.digest("hex")
}
