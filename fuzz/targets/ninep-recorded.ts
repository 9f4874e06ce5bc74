import {
  BufferPool,
  clunk,
  fsync,
  getattr,
  lcreate,
  lock,
  lopen,
  MemoryTree,
  mkdir,
  NinepClient,
  type Operation,
  read,
  readdir,
  readlink,
  reclaim,
  renameat,
  ServedTree,
  Session,
  sessionTransport,
  setattr,
  statfs,
  symlink,
  type Transport,
  unlinkat,
  walk,
  write,
  xattrcreate,
  xattrwalk,
} from "@skerry/files/testing"

/** As an editor saves: a new file beside the old one, then in its place. */
const saving: readonly Operation<unknown>[] = [
  walk(0, 1, ["notes"]),
  mkdir(0, "notes", 0o755),
  walk(0, 1, ["notes"]),
  getattr(1),
  walk(1, 2, []),
  lcreate(2, "today.new", 0o102, 0o644),
  walk(1, 3, ["today.new"]),
  getattr(3),
  write(2, 0, Buffer.from("first line\n")),
  write(2, 11, Buffer.from("second line\n")),
  fsync(2, 0),
  setattr(3, { mode: 0o600, modifyTime: 1_700_000_000_000_000_000n }),
  clunk(2),
  renameat(1, "today.new", 1, "today"),
  walk(1, 4, ["today"]),
  lopen(4, 0),
  read(4, 0, 4000),
  setattr(3, { size: 5 }),
  unlinkat(1, "today"),
  read(4, 0, 4000),
  clunk(4),
  clunk(3),
]

/** As a database locks, and a file manager looks around. */
const looking: readonly Operation<unknown>[] = [
  statfs(0),
  symlink(0, "link", "../elsewhere"),
  walk(0, 1, ["link"]),
  readlink(1),
  walk(0, 2, []),
  lcreate(2, "database", 0o102, 0o644),
  lock(2, { type: "read", start: 1n << 30n, length: 1n, process: 7 }),
  lock(2, { type: "write", start: 0n, length: 0n, process: 7 }),
  lock(2, { type: "unlock", start: 0n, length: 512n, process: 7 }),
  walk(0, 3, ["database"]),
  xattrcreate(3, "user.kind", 4, 0),
  write(3, 0, Buffer.from("book")),
  clunk(3),
  walk(0, 3, ["database"]),
  xattrwalk(3, 4, ""),
  read(4, 0, 100),
  clunk(4),
  xattrwalk(3, 4, "user.kind"),
  read(4, 0, 100),
  walk(0, 5, []),
  lopen(5, 0o200000),
  readdir(5, 0n, 60),
  readdir(5, (1n << 63n) - 3n, 4000),
  reclaim({ fid: 0, newFid: 6, id: 3n, flags: 2, names: ["database"] }),
  write(6, 0, Buffer.from("x")),
]

/** What a client sends for these, from its version on. */
function record(operations: readonly Operation<unknown>[]): Uint8Array {
  const tree = new MemoryTree({ now: () => 1n, mostBytes: 1024 * 1024, uid: 1000, gid: 1000 })
  const trees = new Map([["tree", { served: new ServedTree(tree), access: "write" as const }]])
  const below = sessionTransport(new Session({ trees, pool: new BufferPool() }))
  const sent: Buffer[] = []
  const recording: Transport = {
    ...below,
    write(bytes) {
      const taken = below.write(bytes)
      sent.push(Buffer.from(bytes.subarray(0, taken)))
      return taken
    },
  }
  const client = new NinepClient(recording, 8192)
  client.attach(0, "tree", 1000)
  for (const operation of operations) client.send(operation, () => {})
  client.finish()
  return Uint8Array.from(Buffer.concat(sent))
}

/** Whole sessions of decent clients. */
export const recordedSessions: readonly [Uint8Array, Uint8Array] = [record(saving), record(looking)]
