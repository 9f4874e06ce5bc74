import { MESSAGES, type MessageName } from "../codec/messages.ts"
import type { Handler } from "./client-state.ts"
import { getattr, setattr, statfs, xattrcreate, xattrwalk } from "./handle-attributes.ts"
import { fsync, lcreate, lopen, read, readdir, write } from "./handle-content.ts"
import { attach, auth, clunk, flush, reclaim, reclaimed, remove, version, walk } from "./handle-fids.ts"
import { getlock, lock } from "./handle-locks.ts"
import { link, mkdir, mknod, readlink, rename, renameat, symlink, unlinkat } from "./handle-names.ts"

const BY_NAME: Readonly<Record<MessageName, Handler>> = {
  attach,
  auth,
  clunk,
  flush,
  fsync,
  getattr,
  getlock,
  lcreate,
  link,
  lock,
  lopen,
  mkdir,
  mknod,
  read,
  readdir,
  readlink,
  reclaim,
  reclaimed,
  remove,
  rename,
  renameat,
  setattr,
  statfs,
  symlink,
  unlinkat,
  version,
  walk,
  write,
  xattrcreate,
  xattrwalk,
}

/** By a request's type. */
export const HANDLERS: readonly (Handler | undefined)[] = Array.from({ length: 256 }, (_, type) => {
  for (const [name, message] of Object.entries(MESSAGES)) {
    if (message.type === type) return BY_NAME[name as MessageName]
  }
  return undefined
})
