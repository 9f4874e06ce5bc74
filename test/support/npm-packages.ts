import { execFileSync } from "node:child_process"
import { realpathSync } from "node:fs"
import { join } from "node:path"

/** Part of every package of npm's own, and read by nobody inside. */
const UNREAD = ["--exclude=*.md", "--exclude=docs", "--exclude=man", "--exclude=*.d.ts"]

/** This machine's npm as a compressed archive of its folder; undefined: it has none. */
export function packNpm(): Buffer | undefined {
  try {
    const program = execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim()
    return pack(join(realpathSync(program), "../.."), ["."], UNREAD)
  } catch {
    return undefined
  }
}

/** An installed package as `npm pack` has it. */
export function packPackage(name: string): Buffer {
  return pack(join(import.meta.dirname, "../../node_modules"), [name], [`--transform=s,^${name},package,`])
}

const pack = (folder: string, names: readonly string[], options: readonly string[]) =>
  execFileSync("tar", ["-C", folder, "-cz", ...options, ...names], { maxBuffer: 64 << 20 })
