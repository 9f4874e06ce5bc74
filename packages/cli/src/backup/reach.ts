import { DigestSet } from "./digest-set.ts"
import { packsOf } from "./index-parts.ts"
import { referencesIn } from "./list-text.ts"
import type { Backup } from "./manifest.ts"
import { readPack } from "./pack.ts"
import { partPath, readPart, type Vault } from "./vault.ts"

/** What each node leads to, by its digest in hexadecimal digits: digests one after the other, 32 bytes each. */
export type Nodes = ReadonlyMap<string, Buffer>

/** Those of one pack. */
export function nodesIn(plain: Buffer, what: string, into: Map<string, Buffer>): void {
  for (const { digest, list } of readPack(plain, what)) {
    const references = referencesIn(list ?? "").map((reference) => Buffer.from(reference.digest, "hex"))
    into.set(digest.toString("hex"), Buffer.concat(references))
  }
}

/** Throws BackupError "damaged". */
export async function readNodes(vault: Vault): Promise<Nodes> {
  const nodes = new Map<string, Buffer>()
  for (const part of packsOf(vault.chain)) {
    if (part.kind === "nodes") nodesIn(await readPart(vault, part), partPath(part.name), nodes)
  }
  return nodes
}

/** A version's digest is that of its root node. */
export const rootsOf = (backups: readonly Backup[]): Buffer[] =>
  backups.flatMap(({ trees }) =>
    trees.flatMap(({ versions }) =>
      versions.map(({ digest }) => Buffer.from(digest.slice("sha256:".length), "hex")),
    ),
  )

/** The roots and everything below them, what is missing included: who asks compares with what is there. */
export function reachable(nodes: Nodes, roots: readonly Buffer[]): DigestSet {
  const reached = new DigestSet()
  const waiting: Buffer[] = [...roots]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!reached.add(next)) continue
    const children = nodes.get(next.toString("hex")) ?? Buffer.alloc(0)
    for (let at = 0; at < children.length; at += 32) {
      const child = children.subarray(at, at + 32)
      if (!reached.has(child)) waiting.push(child)
    }
  }
  return reached
}
