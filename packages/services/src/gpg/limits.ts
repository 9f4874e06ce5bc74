/** Bounds of one use of a vault's keys. */
export const GPG_LIMITS = {
  /** Bytes to sign, decrypt, encrypt or verify: the vault keeps them whole, so that it signs what it has shown. */
  inputBytes: 64 * 1024 * 1024,
  /** Bytes of a detached signature: bounds what a verification keeps beside its input. */
  signatureBytes: 1024 * 1024,
  /** Bytes of a user id, a key id or a file's name: bounds what is shown and passed on. */
  nameBytes: 255,
  /** Keys named in one request, of each sort: bounds gpg's command line. */
  names: 32,
  /** Bytes of an answer's output: bounds what a packed message can unfold into. */
  outputBytes: 1024 * 1024 * 1024,
  /** Bytes of an answer's status lines, and of its messages: bounds what a chatty gpg can fill. */
  linesBytes: 4 * 1024 * 1024,
  /** Bytes of a listing that the vault itself reads: 20,000 keys fit. */
  listingBytes: 16 * 1024 * 1024,
} as const
