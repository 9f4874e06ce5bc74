export type CpioEntry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly bytes: Uint8Array; readonly executable: boolean }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }

const TYPE = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const

/**
 * A cpio archive in the "newc" format (kernel: Documentation/driver-api/early-userspace/buffer-format.rst):
 * per entry `070701`, 13 fields of 8 hex digits, the name with its NUL, padding to 4, the contents, padding to 4.
 * Entries come in the order given, owned by root, without a time: equal entries give equal bytes.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = []
  const add = (path: string, mode: number, links: number, inode: number, contents: Uint8Array) => {
    const name = Buffer.from(`${path}\0`)
    const fields = [inode, mode, 0, 0, links, 0, contents.length, 0, 0, 0, 0, name.length, 0]
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`)
    parts.push(header, name, padding(header.length + name.length))
    parts.push(Buffer.from(contents), padding(contents.length))
  }
  entries.forEach((entry, index) => {
    const [mode, contents] = modeAndContents(entry)
    add(entry.path, TYPE[entry.kind] | mode, entry.kind === "directory" ? 2 : 1, index + 1, contents)
  })
  add("TRAILER!!!", 0, 1, 0, Buffer.alloc(0))
  return Buffer.concat(parts)
}

function modeAndContents(entry: CpioEntry): readonly [mode: number, contents: Uint8Array] {
  switch (entry.kind) {
    case "directory":
      return [0o755, Buffer.alloc(0)]
    case "file":
      return [entry.executable ? 0o755 : 0o644, entry.bytes]
    case "symlink":
      return [0o777, Buffer.from(entry.target)]
  }
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4)
}
