import { printable } from "@skerry/model"

/** A key as a person knows it. */
export interface Key {
  readonly fingerprint: string
  readonly userId: string
  /** Key ids of it and of its subkeys. */
  readonly keyIds: readonly string[]
  readonly isUsable: boolean
  readonly canSign: boolean
  readonly isSecret: boolean
}

/**
 * Pure: the keys of a listing made by `gpg --with-colons` (GnuPG's doc/DETAILS, "Format of the colon listings"): field
 * 2 is the validity, 5 the key id, 10 fingerprint or user id, 12 what the key may be used for.
 */
export function parseKeys(listing: string): Key[] {
  const keys: { -readonly [K in keyof Key]: Key[K] }[] = []
  for (const line of listing.split("\n")) {
    const fields = line.split(":")
    const field = (number: number) => fields[number - 1] ?? ""
    const key = keys.at(-1)
    switch (field(1)) {
      case "pub":
      case "sec":
        keys.push({
          fingerprint: "",
          userId: "",
          keyIds: [field(5)],
          isUsable: !/[idren]/.test(field(2)),
          canSign: field(12).includes("S"),
          isSecret: field(1) === "sec",
        })
        break
      case "sub":
      case "ssb":
        if (key !== undefined) key.keyIds = [...key.keyIds, field(5)]
        break
      case "fpr":
        if (key?.fingerprint === "") key.fingerprint = field(10)
        break
      case "uid":
        if (key?.userId === "") key.userId = unescaped(field(10))
        break
    }
  }
  return keys.filter(({ fingerprint }) => /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(fingerprint))
}

/** In a listing some bytes are written as `\x3a`. */
const unescaped = (text: string) =>
  text.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

/** Two lines: a user id of its own lines could show another key's fingerprint. */
export const showKey = ({ userId, fingerprint }: Key) =>
  `${printable(userId) || "(no user id)"}\n${fingerprint}`

/** Pure: key ids that a message was encrypted for, from `[GNUPG:] ENC_TO <long key id> …`. */
export function encryptedTo(status: string): string[] {
  return [...status.matchAll(/^\[GNUPG:\] ENC_TO ([0-9A-F]{16}) /gm)].map(([, keyId = ""]) => keyId)
}
