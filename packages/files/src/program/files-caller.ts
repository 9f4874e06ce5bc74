import { closeSync } from "node:fs"
import type { Linux } from "@skerry/linux"
import { type Loop, Port } from "@skerry/loop"
import { CallFailure, encodeCall, Fail, type Method, STREAM } from "@skerry/rpc"
import { decode } from "@skerry/wire"

/** Asks a file server, one call at a time, each waited for in the loop: for tests and measurements. */
export class FilesCaller implements Disposable {
  readonly #loop: Loop
  readonly #linux: Linux
  readonly #port: Port
  readonly #clientsFd: number

  /** Takes both descriptors over: our ends of the control connection and of the socket for clients. */
  constructor(host: { readonly loop: Loop; readonly linux: Linux }, controlFd: number, clientsFd: number) {
    this.#loop = host.loop
    this.#linux = host.linux
    this.#clientsFd = clientsFd
    this.#port = new Port({ ...host, fd: controlFd, onEnd: () => this.#loop.stop() })
  }

  /** What the server says, and what it wrote to stdout. Throws CallFailure. */
  call<P, R, U, D>(method: Method<P, R, U, D>, params: P): { readonly result: R; readonly output: string } {
    const call = this.#port.calls.call()
    const pieces: Buffer[] = []
    let end: { readonly type: "return" | "fail"; readonly bytes: Uint8Array } | undefined
    call.listen({
      onEvent: () => {},
      onCancel: () => {},
      onEnd: (type, untrustedBytes) => {
        end = { type, bytes: Uint8Array.from(untrustedBytes) }
        this.#loop.stop()
      },
    })
    const stdout = call.received(STREAM.stdout)
    stdout.attach((piece) => {
      if (piece !== null) pieces.push(Buffer.from(piece))
      return true
    })
    stdout.pull()
    call.received(STREAM.stderr).discard()
    call.open(encodeCall(method, params))
    while (end === undefined) this.#loop.run()
    if (end.type === "fail") {
      const { code, message } = decode(Fail, end.bytes)
      throw new CallFailure(code, message)
    }
    return { result: decode(method.result, end.bytes), output: Buffer.concat(pieces).toString() }
  }

  /** Hands one end of a connection over, to be named by this label. */
  sendClient(label: number, fd: number): void {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(label)
    this.#linux.sendDescriptors(this.#clientsFd, bytes, [fd])
    closeSync(fd)
  }

  [Symbol.dispose](): void {
    this.#port.close()
    closeSync(this.#clientsFd)
  }
}
