import {
  clunk,
  dataBytes,
  getattr,
  lcreate,
  lopen,
  mkdir,
  type NinepClient,
  type Operation,
  read,
  readdir,
  remove,
  unlinkat,
  walk,
  write,
} from "@skerry/files/testing"

/* What is asked of a file server, in the messages that v9fs sends. Fid 0 is the tree's root; each returns how long it took. */

export const SIZES = {
  fileBytes: 1e9,
  files: 10_000,
  randomReads: 50_000,
  randomBytes: 4096,
  lists: 50,
} as const
const AT_ONCE = { bulk: 8, small: 32 } as const
const ROOT_FID = 0
const FILE_FID = 1
const DIRECTORY_FID = 2
const FIRST_FID = 10
const READ_WRITE_CREATE = 0o102
const CONTENT = Buffer.alloc(512, "small file ")
const PAGE_BYTES = 4096
const PIECE_BYTES = 128 * 1024
/** As v9fs asks for at once, at most. */
const LIST_BYTES = 128 * 1024

const timed = (act: () => void): number => {
  const before = performance.now()
  act()
  return performance.now() - before
}

/** Sends one request after the other's answer; any error ends the measurement. */
function chain(
  client: NinepClient,
  operations: readonly Operation<unknown>[],
  then: () => void,
  next = 0,
): void {
  const operation = operations[next]
  if (operation === undefined) {
    then()
    return
  }
  client.send(operation, (result) => {
    if (result instanceof Error) throw result
    chain(client, operations, then, next + 1)
  })
}

/** Runs `count` jobs, up to `atOnce` of them at a time. */
function jobs(
  client: NinepClient,
  count: number,
  atOnce: number,
  of: (index: number, slot: number) => readonly Operation<unknown>[],
): void {
  let next = 0
  const begin = (slot: number) => {
    if (next < count) chain(client, of(next++, slot), () => begin(slot))
  }
  for (let slot = 0; slot < atOnce; slot++) begin(slot)
  client.finish()
}

/** Data in one message: whole pages, and whole pieces of 128 KiB where there is room for one, as servers may ask for. */
function pieceBytes(client: NinepClient): number {
  const most = dataBytes(client.messageBytes)
  const unit = most >= PIECE_BYTES ? PIECE_BYTES : PAGE_BYTES
  return Math.floor(most / unit) * unit
}

/** Pieces of the large file: what one message carries. */
function pieces(client: NinepClient, of: (offset: number, count: number) => Operation<unknown>): void {
  const piece = pieceBytes(client)
  jobs(client, Math.ceil(SIZES.fileBytes / piece), AT_ONCE.bulk, (index) => {
    const offset = index * piece
    return [of(offset, Math.min(piece, SIZES.fileBytes - offset))]
  })
}

/** The large file, open as FILE_FID from now on. */
export function makeLarge(client: NinepClient, name: string): void {
  client.call(walk(ROOT_FID, FILE_FID, []))
  client.call(lcreate(FILE_FID, name, READ_WRITE_CREATE, 0o644))
}

/** `content` gives the bytes at an offset. */
export const writeLarge = (
  client: NinepClient,
  content: (offset: number, count: number) => Uint8Array,
): number => timed(() => pieces(client, (offset, count) => write(FILE_FID, offset, content(offset, count))))

export const readLarge = (client: NinepClient): number =>
  timed(() => pieces(client, (offset, count) => read(FILE_FID, offset, count)))

/** The same places for every server, all over the file. */
export const readRandom = (client: NinepClient): number =>
  timed(() => {
    const blocks = Math.floor(SIZES.fileBytes / SIZES.randomBytes)
    jobs(client, SIZES.randomReads, AT_ONCE.small, (index) => {
      const block = (Math.imul(index + 1, 0x9e37_79b1) >>> 0) % blocks
      return [read(FILE_FID, block * SIZES.randomBytes, SIZES.randomBytes)]
    })
  })

export function removeLarge(client: NinepClient, name: string): void {
  client.call(clunk(FILE_FID))
  for (const operation of removal(client, ROOT_FID, name, FIRST_FID)) client.call(operation)
}

/** Servers that have answered unlinkat with EOPNOTSUPP, as Debian's diod. */
const withoutUnlink = new WeakSet<NinepClient>()

/** Finds out whether the server knows unlinkat; v9fs walks and removes where it does not. */
export function tryUnlink(client: NinepClient): void {
  try {
    client.call(unlinkat(ROOT_FID, "no-such-file"))
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error
    if (error.code === "EOPNOTSUPP") withoutUnlink.add(client)
  }
}

function removal(
  client: NinepClient,
  directory: number,
  name: string,
  fid: number,
  isDirectory = false,
): Operation<unknown>[] {
  if (!withoutUnlink.has(client)) return [unlinkat(directory, name, isDirectory)]
  return [walk(directory, fid, [name]), remove(fid)]
}

export type SmallStep = "create" | "stat" | "read" | "list" | "remove"

/** Each step for SIZES.files files of 512 bytes in one directory, many of them at a time. */
export function smallFiles(client: NinepClient, directory: string): Readonly<Record<SmallStep, number>> {
  client.call(mkdir(ROOT_FID, directory, 0o755))
  client.call(walk(ROOT_FID, DIRECTORY_FID, [directory]))
  const each = (of: (name: string, fid: number) => readonly Operation<unknown>[]) =>
    timed(() =>
      jobs(client, SIZES.files, AT_ONCE.small, (index, slot) => of(`file-${index}`, FIRST_FID + slot)),
    )
  const times = {
    create: each((name, fid) => [
      walk(DIRECTORY_FID, fid, []),
      lcreate(fid, name, READ_WRITE_CREATE, 0o644),
      write(fid, 0, CONTENT),
      clunk(fid),
    ]),
    stat: each((name, fid) => [walk(DIRECTORY_FID, fid, [name]), getattr(fid), clunk(fid)]),
    read: each((name, fid) => [
      walk(DIRECTORY_FID, fid, [name]),
      lopen(fid, 0),
      read(fid, 0, CONTENT.length),
      clunk(fid),
    ]),
    list: timed(() => {
      for (let round = 0; round < SIZES.lists; round++) list(client)
    }),
    remove: each((name, fid) => removal(client, DIRECTORY_FID, name, fid)),
  }
  client.call(clunk(DIRECTORY_FID))
  for (const operation of removal(client, ROOT_FID, directory, FIRST_FID, true)) client.call(operation)
  return times
}

/** A new directory with so many files. */
export function makeDirectory(
  client: NinepClient,
  name: string,
  files: number,
  content: (index: number) => Uint8Array,
): void {
  client.call(mkdir(ROOT_FID, name, 0o755))
  client.call(walk(ROOT_FID, DIRECTORY_FID, [name]))
  jobs(client, files, AT_ONCE.small, (index, slot) => [
    walk(DIRECTORY_FID, FIRST_FID + slot, []),
    lcreate(FIRST_FID + slot, `file-${index}`, READ_WRITE_CREATE, 0o644),
    write(FIRST_FID + slot, 0, content(index)),
    clunk(FIRST_FID + slot),
  ])
  client.call(clunk(DIRECTORY_FID))
}

function list(client: NinepClient): void {
  client.call(walk(DIRECTORY_FID, FIRST_FID, []))
  client.call(lopen(FIRST_FID, 0))
  let count = 0
  for (let offset = 0n; ; ) {
    const entries = client.call(readdir(FIRST_FID, offset, Math.min(pieceBytes(client), LIST_BYTES)))
    const last = entries.at(-1)
    if (last === undefined) break
    count += entries.length
    offset = last.offset
  }
  client.call(clunk(FIRST_FID))
  // "." and ".." among them.
  if (count !== SIZES.files + 2) throw new Error(`The server listed ${count} entries`)
}
