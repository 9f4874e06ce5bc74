import { type Linux, POLL } from "@skerry/linux"
import type { Session } from "../server/session.ts"

/** Where a client's bytes go and come from. Throws where the connection has ended. */
export interface Transport {
  /** Bytes taken, of at least one; 0: there is no room now. */
  write(bytes: Buffer): number
  /** Bytes read; 0: nothing is there now. */
  read(target: Buffer): number
  /** Returns when there is something to read, or room to write where that is asked for. */
  wait(forRoom: boolean): void
}

/** Over a stream socket, which becomes one that never blocks; it stays the caller's. */
export function socketTransport(
  linux: Pick<Linux, "readSome" | "writeSome" | "poll" | "setBlocking">,
  fd: number,
): Transport {
  const pollfds = new Int32Array(2)
  linux.setBlocking(fd, false)
  return {
    write: (bytes) => linux.writeSome(fd, bytes) ?? 0,
    read(target) {
      const count = linux.readSome(fd, target)
      if (count === 0) throw new Error("The server has ended the connection")
      return count ?? 0
    },
    wait(forRoom) {
      pollfds[0] = fd
      pollfds[1] = forRoom ? POLL.in | POLL.out : POLL.in
      linux.poll(pollfds, 1, -1)
    },
  }
}

/** To a session of this process. */
export function sessionTransport(session: Session): Transport {
  return {
    write(bytes) {
      if (!session.wantsInput) return 0
      const part = bytes.subarray(0, 64 * 1024)
      session.receive(part)
      return part.length
    },
    read(target) {
      session.endTurn()
      const pending = session.pending()
      const count = pending.copy(target)
      session.taken(count)
      if (!session.wantsInput && session.pending().length === 0) session.resume()
      return count
    },
    wait() {},
  }
}
