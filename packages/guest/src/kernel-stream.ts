import { Socket, type SocketConstructorOpts } from "node:net"
import type { Duplex } from "node:stream"

/** libuv's stream over any descriptor that can be polled. */
interface PipeBinding {
  readonly Pipe: new (type: number) => { open(fd: number): number }
  readonly constants: { readonly SOCKET: number }
}

/**
 * A Duplex over a character device that supports poll: a virtio port, or the master of a pseudo-terminal. Node's
 * public API reads such a descriptor only by blocking a thread for each read, and writes to a virtio port would then
 * spin in the kernel until the host has taken them. The stream owns the descriptor.
 */
export function openKernelStream(fd: number): Duplex {
  const { Pipe, constants } = (process as unknown as { binding(name: string): PipeBinding }).binding(
    "pipe_wrap",
  )
  const handle = new Pipe(constants.SOCKET)
  const error = handle.open(fd)
  if (error !== 0) throw new Error(`Cannot poll descriptor ${fd}: libuv error ${error}`)
  // The option is what Node's own modules pass, with a handle of this kind; its types know another one.
  return new Socket({ handle } as unknown as SocketConstructorOpts)
}
