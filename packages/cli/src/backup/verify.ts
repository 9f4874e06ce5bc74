import type { OnProgress } from "@skerry/model"
import { readConfiguration } from "./configuration-files.ts"
import { DigestSet } from "./digest-set.ts"
import { BackupError } from "./errors.ts"
import { splitDigests } from "./index-parts.ts"
import { type DescribeNode, listText } from "./list-text.ts"
import type { Backup, Part } from "./manifest.ts"
import { readPack } from "./pack.ts"
import { nodesIn, reachable, rootsOf } from "./reach.ts"
import { partPath, readPart, type Vault } from "./vault.ts"

export interface BackupProblem {
  readonly problem: string
  /** Numbers of backups that cannot be restored whole because of it. */
  readonly backups: readonly number[]
}

export interface VerifyReport {
  readonly problems: readonly BackupProblem[]
  readonly objects: number
  readonly bytes: number
  /** Files that no manifest names: of a backup that was cut, or whose manifest was taken away. */
  readonly unlisted: number
}

export interface VerifyOptions {
  readonly describe: DescribeNode
  readonly onProgress: OnProgress
  readonly signal: AbortSignal
}

const STEP = "verify"

/** Reads everything: each part against its digest and MAC, each object against its own, and whether every version is whole. */
export async function verifyBackup(vault: Vault, options: VerifyOptions): Promise<VerifyReport> {
  const { chain } = vault
  const { onProgress, signal } = options
  const total = chain.parts.reduce((sum, { bytes }) => sum + bytes, 0)
  onProgress({ kind: "begin", step: STEP, label: "Verifying", unit: "bytes", total })
  const contents = new Contents(options.describe)
  let done = 0
  for (const part of chain.parts) {
    signal.throwIfAborted()
    await contents.read(vault, part)
    done += part.bytes
    onProgress({ kind: "advance", step: STEP, done })
  }
  onProgress({ kind: "end", step: STEP })
  const listed = new Set(chain.parts.map(({ name }) => name))
  const unlisted = [...(await vault.place.list("parts")).keys()].filter((name) => !listed.has(name)).length
  const problems = [...brokenChain(vault), ...contents.problems(chain.backups)]
  return { problems, objects: contents.objects.size, bytes: total, unlisted }
}

function brokenChain({ chain: { broken } }: Vault): BackupProblem[] {
  if (broken === undefined) return []
  const problem = `${broken}: what came after it cannot be told from a forgery, and does not count`
  return [{ problem, backups: [] }]
}

class Contents {
  readonly #describe: DescribeNode
  readonly objects = new DigestSet()
  readonly #bad: { readonly part: Part; readonly problem: string }[] = []
  readonly #nodes = new Map<string, Buffer>()
  /** What the index says, and what the packs held. */
  readonly #indexed: Buffer[] = []
  readonly #held: Buffer[] = []

  constructor(describe: DescribeNode) {
    this.#describe = describe
  }

  async read(vault: Vault, part: Part): Promise<void> {
    try {
      const plain = await readPart(vault, part)
      if (part.kind === "files") readConfiguration(plain)
      else if (part.kind === "index") this.#indexed.push(...splitDigests(plain))
      else this.#pack(plain, part)
    } catch (error) {
      if (!(error instanceof BackupError) || error.code === "io") throw error
      this.#bad.push({ part, problem: error.message })
    }
  }

  #pack(plain: Buffer, part: Part): void {
    const what = partPath(part.name)
    const digests: Buffer[] = []
    for (const { kind, digest, content, list } of readPack(plain, what)) {
      digests.push(digest)
      if (kind === "node" && listText(this.#describe(content)) !== list) {
        const node = digest.toString("hex")
        throw new BackupError(
          "damaged",
          `${what}: the list beside node ${node} says something else than the node`,
        )
      }
    }
    if (digests.length !== part.objects) {
      throw new BackupError("damaged", `${what} holds ${digests.length} objects, not ${part.objects}`)
    }
    if (part.kind === "nodes") nodesIn(plain, what, this.#nodes)
    for (const digest of digests) this.objects.add(digest)
    this.#held.push(...digests)
  }

  problems(backups: readonly Backup[]): BackupProblem[] {
    const touched = this.#isWhole(backups) ? [] : backups.filter((backup) => !this.#isWhole([backup]))
    const lacking = touched.map(({ number }) => number)
    const problems = this.#bad.map(({ part: { kind, name }, problem }) => ({
      problem,
      backups:
        kind === "files"
          ? backups.filter(({ files }) => files === name).map(({ number }) => number)
          : lacking,
    }))
    if (problems.length > 0) return problems
    if (lacking.length > 0)
      return [{ problem: "Versions lead to objects that no part holds", backups: lacking }]
    const isIndexed =
      this.#indexed.length === this.#held.length &&
      this.#held.every((each, at) => this.#indexed[at]?.equals(each))
    return isIndexed ? [] : [{ problem: "The index names other objects than the packs hold", backups: [] }]
  }

  #isWhole(backups: readonly Backup[]): boolean {
    for (const digest of reachable(this.#nodes, rootsOf(backups))) if (!this.objects.has(digest)) return false
    return true
  }
}
