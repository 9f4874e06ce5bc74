/** Bounds and sizes of the working tree and of its formats. */
export const STATE_TREE = {
  /** Bytes of content in one chunk: what a change in the middle of a file keeps anew. Part of the format. */
  chunkBytes: 128 * 1024,
  /** Entries of a directory in one object: what a change of one entry keeps anew. Part of the format. */
  leafEntries: 128,
  /** Children of a directory's branch: one hexadecimal digit of the hash of a name. Part of the format. */
  branches: 16,
  /** Digests in one list of a file's chunks. Part of the format. */
  listDigests: 256,
  /** Bytes of a node's extended attributes that stay in its entry; more are an object of their own. Part of the format. */
  inlineAttributeBytes: 256,
  /** Bytes of all extended attributes of a node: one object holds them. */
  attributeBytes: 256 * 1024,
  /** Directories within each other: bounds what one held node keeps in memory. */
  depth: 1024,
  /** Nodes of one tree in memory because somebody holds them, or something below them. */
  nodes: 250_000,
  /** Bytes of decoded directory nodes and lists kept for the next use. */
  nodeCacheBytes: 8 * 1024 * 1024,
  /** Bytes of chunks kept for the next use. */
  chunkCacheBytes: 8 * 1024 * 1024,
  /** Bytes of changed chunks in memory, before the oldest become objects. */
  changedBytes: 6 * 1024 * 1024,
  /** Changed nodes in memory, before the tree becomes objects. */
  changedNodes: 8_000,
  /** Entries looked at in search of nodes that clients reclaim by names which lead nowhere: half a second for a tree, at most. */
  searchedEntries: 200_000,
  /** Entries of a directory that one reading of it gathers at once. */
  listedEntries: 32_768,
  /** Gathered readings kept. */
  listings: 4,
  /** Changes in one life of the journal: after the server's end they are all in memory again. */
  journalChanges: 60_000,
  /** Bytes of the journal, before it begins anew. */
  journalBytes: 64 * 1024 * 1024,
  /** Bytes of one record of the journal. */
  recordBytes: 8 * 1024 * 1024,
  /** Bytes of what one tree did in a turn, before they are written ahead of the turn's end. */
  turnBytes: 2 * 1024 * 1024,
  /** Bytes of memory that stay for the next turn. */
  keptTurnBytes: 512 * 1024,
  /** Bytes of buffers of chunks that stay for the next change. */
  keptBufferBytes: 4 * 1024 * 1024,
  /** A part of a chunk at least this long that ends it is kept as an object, and named in the journal. */
  wholeChunkPieceBytes: 32 * 1024,
  /** Bytes of the file system that are left for making room: removing needs some too. */
  reserveBytes: 64 * 1024 * 1024,
} as const
