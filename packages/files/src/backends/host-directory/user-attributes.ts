import type { FileCalls } from "@skerry/linux"
import { FileError, TREE_LIMITS } from "../../file-tree.ts"
import { check } from "./errno.ts"

const FLAGS = { any: 0, create: 1, replace: 2 } as const

/** Extended attributes of `user.*`: others are the host's (capabilities, labels, access lists), and no client's business. */
export class UserAttributes {
  readonly #calls: FileCalls
  readonly #buffer = Buffer.allocUnsafeSlow(TREE_LIMITS.attributeBytes)

  constructor(calls: FileCalls) {
    this.#calls = calls
  }

  get(fd: number, name: string): Uint8Array {
    checkName(name)
    return Buffer.from(this.#buffer.subarray(0, check(this.#calls.getAttribute(fd, name, this.#buffer))))
  }

  list(fd: number): readonly string[] {
    const bytes = check(this.#calls.listAttributes(fd, this.#buffer))
    const names = this.#buffer.toString("latin1", 0, bytes).split("\0")
    return names.filter((name) => name.startsWith("user."))
  }

  set(fd: number, name: string, value: Uint8Array, mode: keyof typeof FLAGS): void {
    checkName(name)
    if (value.length > TREE_LIMITS.attributeBytes) throw new FileError("ENOSPC")
    check(this.#calls.setAttribute(fd, name, value, FLAGS[mode]))
  }

  remove(fd: number, name: string): void {
    checkName(name)
    check(this.#calls.removeAttribute(fd, name))
  }
}

function checkName(name: string): void {
  if (!name.startsWith("user.")) throw new FileError("EOPNOTSUPP")
  if (name.length > TREE_LIMITS.attributeNameBytes) throw new FileError("ERANGE")
  // Linux would look no further than to the NUL: another attribute.
  if (name.length === "user.".length || name.includes("\0")) throw new FileError("EINVAL")
}
