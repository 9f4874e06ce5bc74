import { bool, checked, type Decoded, listOf, oneOf, struct, text } from "@skerry/wire"
import { GPG_LIMITS } from "./limits.ts"

export const OPERATIONS = [
  "sign",
  "detach-sign",
  "clear-sign",
  "encrypt",
  "sign-encrypt",
  "decrypt",
  "verify",
  "list-keys",
  "list-secret-keys",
  "show-keys",
  "export",
  "import",
  "version",
] as const
export type Operation = (typeof OPERATIONS)[number]

export const KEY_ID_FORMATS = ["default", "none", "short", "0xshort", "long", "0xlong"] as const
export const DIGESTS = ["default", "SHA224", "SHA256", "SHA384", "SHA512"] as const

// Control characters have no place in a name, and gpg would show them to whoever reads its messages.
const isName = (name: string) => name !== "" && !/[\u0000-\u001f\u007f]/.test(name)
const bounded = text({ max: GPG_LIMITS.nameBytes })
const Names = listOf(checked(bounded, isName, "A key's name"), { max: GPG_LIMITS.names })

/**
 * What a client asks of the vault. It holds no option of gpg's, no file name that is opened and no command: the
 * vault builds gpg's arguments from it (arguments.ts), so that nothing of the client's reaches gpg unparsed.
 */
export const GpgRequest = struct({
  operation: oneOf(...OPERATIONS),
  armor: bool,
  textMode: bool,
  quiet: bool,
  verbose: bool,
  withColons: bool,
  withFingerprint: bool,
  withKeygrip: bool,
  withSecret: bool,
  alwaysTrust: bool,
  keyIdFormat: oneOf(...KEY_ID_FORMATS),
  digest: oneOf(...DIGESTS),
  /** Status lines are wanted. */
  status: bool,
  /** The signature comes apart from what it signs. */
  isDetached: bool,
  localUsers: Names,
  recipients: Names,
  hiddenRecipients: Names,
  /** Keys to list or export. */
  keys: Names,
  /** Of the client's file, by the client's word: shown as such, and never opened. Empty: standard input. */
  claimedFileName: bounded,
})
export type GpgRequest = Decoded<typeof GpgRequest>
