/*
 * 9P2000.L, all of it that Linux's v9fs sends, and two messages of our own (reclaim, reclaimed). Integers are little-endian.
 *
 *  0        4      5      7
 *  +--------+------+------+-----------------+
 *  | size   | type | tag  | fields          |   size: of the whole message; an answer's type is its request's plus 1
 *  +--------+------+------+-----------------+
 *
 * Fields in 9P's own notation: name[bytes]; [s] is u16 length and bytes; n*(…) is said n times; [data] is as many bytes
 * as the u32 before it says. Qid: u8 kind, u32 version, u64 id.
 *
 * To add a message: an entry here, a handler in server/handlers.ts, a row in docs/protocol/files.md.
 */
export const MESSAGES = {
  statfs: {
    type: 8,
    request: "fid[4]",
    answer: "type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4]",
  },
  lopen: { type: 12, request: "fid[4] flags[4]", answer: "qid[13] iounit[4]" },
  lcreate: { type: 14, request: "fid[4] name[s] flags[4] mode[4] gid[4]", answer: "qid[13] iounit[4]" },
  symlink: { type: 16, request: "fid[4] name[s] target[s] gid[4]", answer: "qid[13]" },
  mknod: { type: 18, request: "dfid[4] name[s] mode[4] major[4] minor[4] gid[4]", answer: "qid[13]" },
  rename: { type: 20, request: "fid[4] dfid[4] name[s]", answer: "" },
  readlink: { type: 22, request: "fid[4]", answer: "target[s]" },
  getattr: {
    type: 24,
    request: "fid[4] mask[8]",
    answer:
      "valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8] blksize[8] blocks[8] " +
      "atimeSec[8] atimeNsec[8] mtimeSec[8] mtimeNsec[8] ctimeSec[8] ctimeNsec[8] btimeSec[8] btimeNsec[8] " +
      "gen[8] dataVersion[8]",
  },
  setattr: {
    type: 26,
    request:
      "fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atimeSec[8] atimeNsec[8] mtimeSec[8] mtimeNsec[8]",
    answer: "",
  },
  xattrwalk: { type: 30, request: "fid[4] newfid[4] name[s]", answer: "size[8]" },
  xattrcreate: { type: 32, request: "fid[4] name[s] size[8] flags[4]", answer: "" },
  readdir: { type: 40, request: "fid[4] offset[8] count[4]", answer: "count[4] data[data]" },
  fsync: { type: 50, request: "fid[4] datasync[4]", answer: "" },
  lock: {
    type: 52,
    request: "fid[4] type[1] flags[4] start[8] length[8] process[4] client[s]",
    answer: "status[1]",
  },
  getlock: {
    type: 54,
    request: "fid[4] type[1] start[8] length[8] process[4] client[s]",
    answer: "type[1] start[8] length[8] process[4] client[s]",
  },
  link: { type: 70, request: "dfid[4] fid[4] name[s]", answer: "" },
  mkdir: { type: 72, request: "dfid[4] name[s] mode[4] gid[4]", answer: "qid[13]" },
  renameat: { type: 74, request: "dfid[4] name[s] newdfid[4] newname[s]", answer: "" },
  unlinkat: { type: 76, request: "dfid[4] name[s] flags[4]", answer: "" },
  version: { type: 100, request: "msize[4] version[s]", answer: "msize[4] version[s]" },
  auth: { type: 102, request: "afid[4] uname[s] aname[s] uid[4]", answer: "qid[13]" },
  attach: { type: 104, request: "fid[4] afid[4] uname[s] aname[s] uid[4]", answer: "qid[13]" },
  flush: { type: 108, request: "oldtag[2]", answer: "" },
  walk: { type: 110, request: "fid[4] newfid[4] n[2] n*(name[s])", answer: "n[2] n*(qid[13])" },
  read: { type: 116, request: "fid[4] offset[8] count[4]", answer: "count[4] data[data]" },
  write: { type: 118, request: "fid[4] offset[8] count[4] data[data]", answer: "count[4]" },
  clunk: { type: 120, request: "fid[4]", answer: "" },
  remove: { type: 122, request: "fid[4]", answer: "" },
  /** Ours: a node that was held when the server ended. docs/protocol/files.md. */
  reclaim: {
    type: 200,
    request: "fid[4] newfid[4] id[8] flags[4] n[2] n*(name[s])",
    answer: "qid[13] iounit[4]",
  },
  /** Ours: all that was held has been reclaimed, locks too. */
  reclaimed: { type: 202, request: "", answer: "" },
} as const

export type MessageName = keyof typeof MESSAGES

/** The answer to whatever failed: ecode[4], an errno of Linux. */
export const RLERROR = 7

/** size[4] type[1] tag[2]. */
export const HEADER_BYTES = 7
/** An Rread or Rreaddir before its data. */
export const READ_HEADER_BYTES = HEADER_BYTES + 4
/** What v9fs leaves free of a message around data, whichever way it goes. */
export const DATA_HEADER_BYTES = 24

export const NO_TAG = 0xffff
/** In reclaim: the fid was not open. In attach: there is no afid. */
export const NO_FID = 0xffff_ffff

export const VERSION = "9P2000.L"
/** What a server says that knows no dialect of the client's. */
export const UNKNOWN_VERSION = "unknown"

/** Of a qid's first byte. */
export const QID_KIND = { file: 0, symlink: 0x02, directory: 0x80 } as const

/**
 * Always the same. v9fs (cache=loose) takes a node whose version has changed for another one: while it still has data
 * to write for the first, it would read the second anew, and see less than it has written. Without that cache it does
 * not look at versions. Not 0, which kernels since 6.4 take to mean: do not cache.
 */
export const QID_VERSION = 1

/** Flags of lopen, lcreate and reclaim: Linux's of x86, on every architecture. */
export const OPEN = {
  accessMode: 0o3,
  writeOnly: 0o1,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  /** O_DSYNC and O_SYNC: either has writes wait until they are durable. */
  synchronous: 0o4010000,
  directory: 0o200000,
} as const

/** Bits of setattr's `valid`. */
export const SET = {
  mode: 0x1,
  uid: 0x2,
  gid: 0x4,
  size: 0x8,
  accessTime: 0x10,
  modifyTime: 0x20,
  changeTime: 0x40,
  accessTimeGiven: 0x80,
  modifyTimeGiven: 0x100,
} as const

/** The bits of getattr's `valid` that are always answered: everything of stat(2). */
export const STAT_BASIC = 0x7ff

/** Of a mode: which kind of node. */
export const MODE = { mask: 0o170000, file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const

/** d_type in an entry of readdir. */
export const ENTRY_TYPE = { file: 8, directory: 4, symlink: 10 } as const

/** Flag of unlinkat: rmdir. */
export const REMOVE_DIRECTORY = 0x200

export const LOCK_TYPE = { read: 0, write: 1, unlock: 2 } as const
export const LOCK_STATUS = { granted: 0, blocked: 1, refused: 2 } as const
export const ATTRIBUTE_FLAG = { create: 1, replace: 2 } as const
