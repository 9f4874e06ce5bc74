import { closeSync, constants, mkdirSync, openSync } from "node:fs"
import { makeDirectoryIn, openDirectoryIn } from "./open-directories.ts"
import { FilecopyError } from "./qfile.ts"

const DOMAIN = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** `~/QubesIncoming/SOURCE`, made where it is missing; nothing of it may be a symlink. The caller closes it. */
export function openIncoming(home: string, source: string): number {
  if (!DOMAIN.test(source)) {
    throw new FilecopyError("bad-name", `${JSON.stringify(source.slice(0, 64))} is no name of a domain`)
  }
  mkdirSync(home, { recursive: true })
  const opened = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const incoming = openMade(opened, "QubesIncoming")
    try {
      return openMade(incoming, source)
    } finally {
      closeSync(incoming)
    }
  } finally {
    closeSync(opened)
  }
}

function openMade(directory: number, name: string): number {
  makeDirectoryIn(directory, Buffer.from(name))
  return openDirectoryIn(directory, Buffer.from(name))
}
