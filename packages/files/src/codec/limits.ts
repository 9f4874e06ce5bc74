/** Bounds of one client's connection. */
export const NINEP_LIMITS = {
  /** Bytes of a message, the least that a client may ask for: room for every answer but data. */
  leastMessageBytes: 4096,
  /** Bytes of a message, the most that it gets: more would only hold more memory, v9fs over a descriptor takes no more. */
  mostMessageBytes: 1024 * 1024,
  /** Names in one walk: the protocol's own bound, on the work of one message. */
  walkNames: 16,
  /** Names in one reclaim: as deep as a path of PATH_MAX bytes gets; a bound on the work of one message. */
  reclaimNames: 2048,
  /** Fids of one client: v9fs holds one for each name that it remembers. About 200 bytes of the server's memory each. */
  fids: 131_072,
  /** Fids of all clients of one server: its memory is one for all, and a guest may well be several clients. */
  serverFids: 262_144,
  /** Fids that a client may have in any case, whatever others hold. */
  ownFids: 1024,
  /** Fids that are open: each may hold a descriptor of the host's, or a file that was removed. */
  openFids: 65_536,
  /** Bytes of values that are being read or set as extended attributes: they are held in memory until the clunk. */
  attributeBytes: 4 * 1024 * 1024,
  /** Ranges locked by one client: memory, shared with other clients of the tree. */
  locks: 4096,
  /** Ranges locked in one file: each is looked at for each lock that is asked for. */
  fileLocks: 1024,
  /** Bytes of a lock owner's name, as Linux's host names. */
  lockOwnerBytes: 64,
  /** Bytes read from a client at once, and so given to receive() at once: how much of it is held. */
  inputBytes: 256 * 1024,
  /** Requests of one client that are handled before others get their turn: some take milliseconds, and thousands fit into the input. */
  turnMs: 50,
} as const
