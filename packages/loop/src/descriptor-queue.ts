import { closeSync } from "node:fs"
import type { Linux } from "@skerry/linux"

/** Bytes of a message: its label, u32 little-endian. */
const LABEL_BYTES = 4

/** Host descriptors as they come over their socket, by label; of one label the oldest first. */
export class DescriptorQueue {
  readonly #linux: Pick<Linux, "receiveDescriptors">
  readonly #socketFd: number
  readonly #waiting = new Map<number, (readonly number[])[]>()

  constructor(linux: Pick<Linux, "receiveDescriptors">, socketFd: number) {
    this.#linux = linux
    this.#socketFd = socketFd
  }

  /**
   * The descriptors of one message, which are the caller's from now on. The host sends a message before it says that
   * there is one, so it is here by now: none is waited for.
   */
  #take(label: number): readonly number[] {
    for (;;) {
      const found = this.#waiting.get(label)?.shift()
      if (found !== undefined) {
        if (this.#waiting.get(label)?.length === 0) this.#waiting.delete(label)
        return found
      }
      const message = this.#linux.receiveDescriptors(this.#socketFd, LABEL_BYTES)
      if (message === undefined || message.untrustedBytes.length < LABEL_BYTES) return []
      const { untrustedBytes, descriptors } = message
      const view = new DataView(untrustedBytes.buffer, untrustedBytes.byteOffset)
      const itsLabel = view.getUint32(0, true)
      const others = this.#waiting.get(itsLabel)
      if (others === undefined) this.#waiting.set(itsLabel, [descriptors])
      else others.push(descriptors)
    }
  }

  /** Takes exactly `count` of them; undefined, and all are closed, where another number came. */
  takeExactly(label: number, count: number): readonly number[] | undefined {
    const descriptors = this.#take(label)
    if (descriptors.length === count) return descriptors
    for (const fd of descriptors) closeSync(fd)
    return undefined
  }
}
