import { isUtf8 } from "node:buffer"
import { CallFailure } from "@skerry/rpc"
import { type EntryName, TREE_LIMITS } from "../../file-tree.ts"
import { isName } from "./directory-node.ts"

/** Names from the root, "/" between them; empty: the root. Throws CallFailure "bad-request". */
export function parsePath(untrustedPath: Uint8Array): readonly EntryName[] {
  const text = Buffer.from(untrustedPath).toString("latin1")
  if (text === "") return []
  const names = text.split("/")
  for (const name of names) {
    if (isName(name) && name.length <= TREE_LIMITS.nameBytes) continue
    throw new CallFailure(
      "bad-request",
      `A path has a name that cannot be: ${JSON.stringify(name.slice(0, 80))}`,
    )
  }
  return names as EntryName[]
}

/** As text for people: what is not UTF-8 is replaced. */
export const shownPath = (names: readonly string[]): string =>
  Buffer.from(names.join("/"), "latin1").toString("utf8")

/** For rows: as text, and in base64 where that is not all of it. */
export function pathFields(names: readonly string[]): { readonly path: string; readonly rawPath?: string } {
  const bytes = Buffer.from(names.join("/"), "latin1")
  const path = bytes.toString("utf8")
  return isUtf8(bytes) ? { path } : { path, rawPath: bytes.toString("base64") }
}
