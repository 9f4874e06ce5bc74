import { readFileSync } from "node:fs"
import { messageOf } from "../errors.ts"
import { headPath } from "./files.ts"
import { type AuditKey, NO_MAC } from "./line.ts"

/** The last record that is known to be on the disk: with it, missing records at the end are found too. */
export interface Head {
  readonly seq: number
  readonly mac: string
}

export const BEFORE_ALL: Head = { seq: 0, mac: NO_MAC }

const HEAD = /^\{"seq":(\d{1,15}),"mac":"([0-9a-f]{64})","tag":"([0-9a-f]{64})"\}\n$/

export function formatHead(key: AuditKey, { seq, mac }: Head): string {
  return `{"seq":${seq},"mac":"${mac}","tag":"${key.mac("head", `${seq} ${mac}`)}"}\n`
}

/** A sentence where there is none that can be relied on; undefined where there never was one. */
export function readHead(state: string, key: AuditKey): Head | string | undefined {
  let text: string
  try {
    text = readFileSync(headPath(state), "latin1")
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : messageOf(error)
  }
  const [, seq, mac, tag] = HEAD.exec(text) ?? []
  if (seq === undefined || mac === undefined) return "the head is damaged"
  if (tag !== key.mac("head", `${seq} ${mac}`)) return "the head was changed, or belongs to another key"
  return { seq: Number(seq), mac }
}
