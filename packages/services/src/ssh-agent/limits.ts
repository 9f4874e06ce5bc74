/** Bounds of one connection to the vault's ssh-agent. */
export const SSH_LIMITS = {
  /** Bytes of one message: what OpenSSH's own agent takes. */
  messageBytes: 256 * 1024,
  /** Keys that an agent may list. */
  keys: 1024,
  /** Hosts that one connection may be bound to, as OpenSSH's agent has it: each is a hop of a forwarded agent. */
  bindings: 16,
  /** Bytes of a user's name, a namespace or a comment: they are shown. */
  shownBytes: 1024,
  /** Connections of programs to the client's socket at once: each is a call. */
  connections: 32,
} as const
