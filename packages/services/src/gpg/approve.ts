import { quoted } from "@skerry/model"
import type { Detail } from "@skerry/rpc"
import { type Ask, fitQuestion } from "../question.ts"
import { describeData } from "./description.ts"
import { GpgError } from "./gpg-error.ts"
import { encryptedTo, type Key, parseKeys, showKey } from "./keys.ts"
import type { GpgRequest } from "./request.ts"
import type { VaultGpg } from "./vault-gpg.ts"

/** What was allowed: with which keys to sign. */
export interface Approval {
  readonly signers: readonly string[]
}
const NO_SIGNERS: Approval = { signers: [] }

/** Resolves once this may be done; throws GpgError where it may not. What needs no secret and changes nothing is not asked. */
export function approve(request: GpgRequest, data: Uint8Array, gpg: VaultGpg, ask: Ask): Promise<Approval> {
  switch (request.operation) {
    case "sign":
    case "detach-sign":
    case "clear-sign":
    case "sign-encrypt":
      return approveSigning(request, data, gpg, ask)
    case "decrypt":
      return approveDecrypting(request, data, gpg, ask)
    case "import":
      return approveImport(data, gpg, ask)
    default:
      return Promise.resolve(NO_SIGNERS)
  }
}

async function approveSigning(
  request: GpgRequest,
  data: Uint8Array,
  gpg: VaultGpg,
  ask: Ask,
): Promise<Approval> {
  const keys = await signingKeys(request.localUsers, gpg)
  const names = [...request.recipients, ...request.hiddenRecipients]
  const isEncrypted = request.operation === "sign-encrypt"
  const details: Detail[] = [
    { label: "Key", text: keys.map(showKey).join("\n") },
    ...(isEncrypted ? [{ label: "Encrypted for, as the caller says", text: names.join("\n") }] : []),
    ...describeData(data, request.claimedFileName),
  ]
  await insist(ask, {
    operation: `sign ${keys.map(({ fingerprint }) => fingerprint).join(" ")}`,
    title: `Sign ${isEncrypted ? "and encrypt " : ""}as ${nameOf(keys)}`,
    details,
    rememberable: false,
  })
  return { signers: keys.map(({ fingerprint }) => fingerprint) }
}

/** In a title, which must not be silent about a second key. */
const nameOf = ([first, ...more]: readonly Key[]) =>
  `${first?.userId ?? ""}${more.length === 0 ? "" : ` and with ${more.length} more of the vault's keys`}`

/** For each name the vault's key that fits best, as gpg would choose it; without a name the first that signs. */
async function signingKeys(names: readonly string[], gpg: VaultGpg): Promise<Key[]> {
  const keys: Key[] = []
  for (const name of names.length > 0 ? names : [undefined]) {
    const words = name === undefined ? [] : ["--", name]
    const { output } = await gpg.read(["--with-colons", "--list-secret-keys", ...words])
    const key = parseKeys(output).find(({ isUsable, canSign }) => isUsable && canSign)
    if (key === undefined) {
      const which = name === undefined ? "that can sign" : `for ${quoted(name)} that can sign`
      throw new GpgError(
        "no-key",
        `The vault has no key ${which}: "gpg --list-secret-keys" there shows those it has`,
      )
    }
    if (!keys.some(({ fingerprint }) => fingerprint === key.fingerprint)) keys.push(key)
  }
  return keys
}

async function approveDecrypting(
  request: GpgRequest,
  data: Uint8Array,
  gpg: VaultGpg,
  ask: Ask,
): Promise<Approval> {
  const { status } = await gpg.read(["--list-only", "--decrypt"], data)
  const keyIds = encryptedTo(status)
  const { output } = await gpg.read(["--with-colons", "--list-secret-keys"])
  const own = parseKeys(output).filter((key) => key.keyIds.some((id) => keyIds.includes(id)))
  const others = keyIds.filter((id) => !own.some((key) => key.keyIds.includes(id)))
  await insist(ask, {
    operation: "decrypt",
    title: `Decrypt with ${own[0]?.userId ?? "the vault's keys"}`,
    details: [
      { label: "Key", text: own.map(showKey).join("\n") || unnamedKey(keyIds) },
      ...(others.length > 0 ? [{ label: "Encrypted also for", text: others.join("\n") }] : []),
      // A message can hold another one, for another key: gpg decrypts both.
      { label: "If remembered", text: "It counts for all keys of the vault, and for all messages" },
      // Encrypted bytes tell a person nothing but their number and digest.
      ...describeData(data, request.claimedFileName).filter(({ label }) => !["Kind", "Text"].includes(label)),
    ],
    rememberable: true,
  })
  return NO_SIGNERS
}

/** A message can hide whom it is for: its key id is then all zeros. */
const unnamedKey = (keyIds: readonly string[]) =>
  keyIds.includes("0000000000000000")
    ? "Not named: gpg tries all of the vault's"
    : "None of the vault's is named in it"

async function approveImport(data: Uint8Array, gpg: VaultGpg, ask: Ask): Promise<Approval> {
  const { output } = await gpg.read(["--with-colons", "--show-keys"], data)
  const keys = parseKeys(output)
  if (keys.length === 0) throw new GpgError("usage", "There is no OpenPGP key to import")
  if (keys.some(({ isSecret }) => isSecret)) {
    throw new GpgError("usage", "Secret keys are not imported for another domain: do it in the vault itself")
  }
  await insist(ask, {
    operation: "import",
    title: `Import ${keys.length === 1 ? "a public key" : `${keys.length} public keys`} into the vault`,
    details: [{ label: "Keys", text: keys.map(showKey).join("\n") }, ...describeData(data, "").slice(-2)],
    rememberable: false,
  })
  return NO_SIGNERS
}

async function insist(ask: Ask, question: Parameters<Ask>[0]): Promise<void> {
  const isAllowed = await ask(fitQuestion(question))
  if (!isAllowed) throw new GpgError("refused", `It was not allowed: ${question.title}`)
}
