import { mkdir } from "node:fs/promises"
import { runTool } from "./tool.ts"

/**
 * Unpacks a verified .deb whole: dpkg-deb has no way to name members, and taking some out of the stream would
 * cost the same decompression.
 */
export async function unpackDeb(deb: string, directory: string, signal: AbortSignal): Promise<void> {
  await mkdir(directory, { recursive: true })
  await runTool(`unpack ${deb}`, "dpkg-deb", ["-x", deb, directory], { signal })
}

/** The fields of a .deb, as in a repository's index. */
export async function debFields(deb: string, signal: AbortSignal): Promise<string> {
  return (await runTool(`read ${deb}`, "dpkg-deb", ["-f", deb], { signal })).toString()
}
