import { createHash } from "node:crypto"
import type { ObjectRecord } from "@skerry/rpc"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import { readTar, TAR_END, TAR_END_BYTES, tarPieces, tarRoom } from "./tar.ts"

/*
 * A pack, unpacked: a tar with the files `chunk/DIGEST` and `node/DIGEST`, and after each node `list/DIGEST`, the same as
 * text (list-text.ts).
 */

export type PackedKind = ObjectRecord["kind"] | "list"

/** SHA-256 over "c" or "n" and the content: the name of an object in every store. */
export function objectDigest(kind: ObjectRecord["kind"], content: Uint8Array): Buffer {
  return createHash("sha256")
    .update(kind === "chunk" ? "c" : "n")
    .update(content)
    .digest()
}

/** Fills one pack after the other. */
export class PackBuilder {
  #pieces: Uint8Array[] = []
  #bytes = TAR_END_BYTES
  #digests: Buffer[] = []

  get isEmpty(): boolean {
    return this.#digests.length === 0
  }

  /** Whether an object, and its list, still go into this pack. */
  hasRoom(content: Uint8Array, list: string | undefined): boolean {
    const listRoom = list === undefined ? 0 : tarRoom(Buffer.byteLength(list))
    return this.#bytes + tarRoom(content.length) + listRoom <= BACKUP_LIMITS.plainBytes
  }

  /** Keeps `content`: it must not change before take(). */
  add(kind: ObjectRecord["kind"], digest: Uint8Array, content: Uint8Array, list: string | undefined): void {
    this.#digests.push(Buffer.from(digest))
    const name = Buffer.from(digest).toString("hex")
    this.#file(`${kind}/${name}`, content)
    if (list !== undefined) this.#file(`list/${name}`, Buffer.from(list))
  }

  take(): { readonly plain: Buffer; readonly digests: readonly Buffer[] } {
    const taken = { plain: Buffer.concat([...this.#pieces, TAR_END]), digests: this.#digests }
    this.#pieces = []
    this.#digests = []
    this.#bytes = TAR_END_BYTES
    return taken
  }

  #file(path: string, content: Uint8Array): void {
    for (const piece of tarPieces({
      path: Buffer.from(path),
      kind: "file",
      mode: 0o600,
      modifyTime: 0,
      content,
    })) {
      this.#pieces.push(piece)
    }
    this.#bytes += tarRoom(content.length)
  }
}

export interface PackedObject {
  readonly kind: ObjectRecord["kind"]
  readonly digest: Buffer
  readonly content: Buffer
  /** Of a node. */
  readonly list: string | undefined
}

const PATH = /^(chunk|node|list)\/([0-9a-f]{64})$/

/** Each object is checked against its digest. Throws BackupError "damaged" or "unsafe". */
export function* readPack(plain: Buffer, what: string): Generator<PackedObject> {
  const malformed = () => new BackupError("damaged", `${what} holds what no pack does`)
  let node: { readonly digest: Buffer; readonly content: Buffer } | undefined
  for (const entry of readTar(plain, what)) {
    const [, kind, name = ""] = PATH.exec(Buffer.from(entry.path).toString("latin1")) ?? []
    if (kind === undefined || entry.kind !== "file") throw malformed()
    const content = Buffer.from(entry.content.buffer, entry.content.byteOffset, entry.content.byteLength)
    const digest = Buffer.from(name, "hex")
    if (kind === "list") {
      if (node === undefined || !node.digest.equals(digest)) throw malformed()
      yield { kind: "node", ...node, list: content.toString("latin1") }
      node = undefined
      continue
    }
    if (node !== undefined) throw malformed()
    const found = kind === "chunk" ? "chunk" : "node"
    if (!objectDigest(found, content).equals(digest)) {
      throw new BackupError("damaged", `${what}: the content of ${kind} ${name} is not what its digest says`)
    }
    if (found === "node") node = { digest, content }
    else yield { kind: "chunk", digest, content, list: undefined }
  }
  if (node !== undefined) throw malformed()
}
