import { unreachable } from "@skerry/model"
import { GPG_LIMITS } from "./limits.ts"
import type { GpgRequest } from "./request.ts"

/** Descriptors of gpg's in the vault besides the standard three. */
export const STATUS_FD = 3
export const SIGNATURE_FD = 4

/** No question on a terminal, no network, no display charset of a surrounding that nobody knows. */
export const ALWAYS = [
  "--batch",
  "--no-tty",
  "--disable-dirmngr",
  "--no-auto-key-retrieve",
  "--display-charset=utf-8",
]

/**
 * Pure: gpg's arguments in the vault. `signers` are fingerprints of keys that the vault has, so that the key that was
 * shown is the key that signs. Each word of the client's stands behind "=" or behind "--": none can become an option.
 */
export function gpgArguments(request: GpgRequest, signers: readonly string[]): string[] {
  return [...ALWAYS, ...common(request), ...operation(request, signers)]
}

function common(request: GpgRequest): string[] {
  const words: string[] = []
  if (request.status) words.push(`--status-fd=${STATUS_FD}`)
  if (request.quiet) words.push("--quiet")
  if (request.verbose) words.push("--verbose")
  if (request.armor) words.push("--armor")
  if (request.textMode) words.push("--textmode")
  if (request.alwaysTrust) words.push("--trust-model=always")
  if (request.withColons) words.push("--with-colons")
  if (request.withFingerprint) words.push("--with-fingerprint")
  if (request.withKeygrip) words.push("--with-keygrip")
  if (request.withSecret) words.push("--with-secret")
  if (request.keyIdFormat !== "default") words.push(`--keyid-format=${request.keyIdFormat}`)
  if (request.digest !== "default") words.push(`--digest-algo=${request.digest}`)
  return words
}

function operation(request: GpgRequest, signers: readonly string[]): string[] {
  const signing = signers.map((fingerprint) => `--local-user=${fingerprint}`)
  const encrypting = [
    ...request.recipients.map((name) => `--recipient=${name}`),
    ...request.hiddenRecipients.map((name) => `--hidden-recipient=${name}`),
  ]
  switch (request.operation) {
    case "sign":
    case "detach-sign":
    case "clear-sign":
      return [...signing, `--${request.operation}`]
    case "encrypt":
      return [...encrypting, "--encrypt"]
    case "sign-encrypt":
      return [...signing, ...encrypting, "--sign", "--encrypt"]
    case "decrypt":
      return [`--max-output=${GPG_LIMITS.outputBytes}`, "--decrypt"]
    case "verify":
      return request.isDetached
        ? ["--enable-special-filenames", "--verify", "--", `-&${SIGNATURE_FD}`, "-"]
        : ["--verify"]
    case "list-keys":
    case "list-secret-keys":
    case "export":
      return [`--${request.operation}`, "--", ...request.keys]
    case "show-keys":
      return ["--show-keys"]
    case "import":
      return ["--import"]
    case "version":
      return ["--version"]
    default:
      return unreachable(request.operation)
  }
}
