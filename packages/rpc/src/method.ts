import type { Codec } from "@skerry/wire"

/**
 * One message of a protocol's table. `up` are the events from caller to callee, `down` those from callee to caller;
 * `nothing` where there are none. Besides, every call has the byte streams stdin (up), stdout and stderr (down).
 */
export interface Method<P, R, U, D> {
  /** u16, unique in its table, never given to another message later. */
  readonly id: number
  readonly name: string
  readonly params: Codec<P>
  readonly result: Codec<R>
  readonly up: Codec<U>
  readonly down: Codec<D>
}

export function method<P, R, U, D>(entry: Method<P, R, U, D>): Method<P, R, U, D> {
  return entry
}
