/**
 * Programs for a domain's shell in a directory of two domains: one maps a file and changes it in memory, in step with
 * another that reads it.
 */

/** Node has no mmap of its own: it is called in libc, as the agent calls it. */
const WRITER = `
const fs = require("fs"), holder = { exports: {} }
process.dlopen(holder, "/usr/lib/skerry/koffi.node")
const library = holder.exports.load(null)
const mmap = library.func("uint64_t mmap(uint64_t, size_t, int, int, int, int64_t)")
const copy = library.func("void memcpy(uint64_t, const void *, size_t)")
const msync = library.func("int msync(uint64_t, size_t, int)")
const munmap = library.func("int munmap(uint64_t, size_t)")
const file = fs.openSync("mapped", "w+"), bytes = 8192
fs.ftruncateSync(file, bytes)
const at = mmap(0, bytes, 3, 1, file, 0)
const write = (offset, words) => copy(BigInt(at) + BigInt(offset), Buffer.from(words), words.length)
const told = (name) => fs.writeFileSync(name, "")
write(0, "synchronised")
if (msync(at, bytes, 4) !== 0) throw new Error("msync")
told("is-synchronised")
while (!fs.existsSync("may-unmap")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
write(4096, "unmapped")
if (munmap(at, bytes) !== 0) throw new Error("munmap")
told("is-unmapped")
`

export const MAPPED_WRITER = `/usr/lib/skerry/node -e '${WRITER}'`

/** Prints what it reads after msync, and after munmap while the writer has the file open. */
export const MAPPED_READER = `
until [ -e is-synchronised ]; do sleep 0.1; done; head -c 12 mapped; echo
: >may-unmap
until [ -e is-unmapped ]; do sleep 0.1; done; tail -c 4096 mapped | head -c 8; echo; stat -c %s mapped
rm mapped is-synchronised may-unmap is-unmapped`
