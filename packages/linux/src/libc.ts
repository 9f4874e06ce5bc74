import { ABIS, type Abi } from "./abi.ts"
import { findKoffi, type Koffi, type Library, loadKoffi } from "./koffi.ts"
import { LinuxError } from "./linux-error.ts"

/** A variadic argument: its C type, then its value. */
type Variadic = readonly ["int" | "void *" | "unsigned long", unknown]

/** libc, loaded at the first call. Calls that fail throw LinuxError. */
export class Libc {
  readonly #nativePath: () => string
  #loaded: { readonly koffi: Koffi; readonly library: Library } | undefined
  readonly #functions = new Map<string, (...args: unknown[]) => number>()

  constructor(nativePath: () => string) {
    this.#nativePath = nativePath
  }

  get abi(): Abi {
    const abi = ABIS[process.arch]
    if (abi === undefined) throw new Error(`Cannot call Linux: ${process.arch} is not in the table of ABIs`)
    return abi
  }

  /** Where a buffer's bytes are; valid while the buffer is reachable. */
  address(buffer: Uint8Array): bigint {
    return this.#load().koffi.address(buffer)
  }

  /** Calls a function that returns -1 for failure. `what` says for people what it was about. */
  call(prototype: string, what: string, ...args: readonly unknown[]): number {
    const { koffi } = this.#load()
    const result = this.#function(prototype)(...args)
    if (result === -1) throw new LinuxError(nameOf(prototype), koffi.errno(), what)
    return result
  }

  /** Calls a function and hands back what it returned, for whoever tells success from failure in another way. */
  attempt(prototype: string, ...args: readonly unknown[]): number {
    return this.#function(prototype)(...args)
  }

  /** The function itself, for callers to whom a lookup for each call is much. */
  bind(prototype: string): (...args: unknown[]) => number {
    return this.#function(prototype)
  }

  /** Of the last call that failed. */
  errno(): number {
    return this.#load().koffi.errno()
  }

  /** What errno says right after attempt(). */
  lastError(call: string, what = ""): LinuxError {
    return new LinuxError(call, this.#load().koffi.errno(), what)
  }

  ioctl(fd: number, request: number, name: string, argument: Variadic): number {
    return this.call("int ioctl(int, unsigned long, ...)", name, fd, request, ...argument)
  }

  #function(prototype: string): (...args: unknown[]) => number {
    let bound = this.#functions.get(prototype)
    if (bound === undefined) {
      bound = this.#load().library.func(prototype)
      this.#functions.set(prototype, bound)
    }
    return bound
  }

  #load() {
    if (this.#loaded === undefined) {
      const koffi = loadKoffi(this.#nativePath())
      this.#loaded = { koffi, library: koffi.load(null) }
    }
    return this.#loaded
  }
}

const nameOf = (prototype: string) => /(\w+)\(/.exec(prototype)?.[1] ?? prototype

/** Found from this file, or from the program's where this file is part of a bundle. */
export const installedKoffi = () => findKoffi(import.meta.filename ?? process.argv[1] ?? process.cwd())
