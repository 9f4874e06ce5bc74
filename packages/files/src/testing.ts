/* For tests, fuzzing and measurements: a tree that needs no disk, a session, and a client that drives any 9P server. */
export { MemoryTree } from "./backends/memory/memory-tree.ts"
export { NinepClient } from "./client/ninep-client.ts"
export * from "./client/operations.ts"
export { getlock, lock, reclaim, statfs, xattrcreate, xattrwalk } from "./client/operations-more.ts"
export { sessionTransport, socketTransport, type Transport } from "./client/transport.ts"
export { BufferPool } from "./server/buffer-pool.ts"
export { ServedTree } from "./server/served-tree.ts"
export { Session } from "./server/session.ts"
