import { struct, text, u8, u32, WIRE_LIMITS } from "@skerry/wire"
import { RPC_LIMITS } from "./limits.ts"

/** Type byte of a frame. The high bit says that the callee of that call sent it: call ids belong to their caller. */
export const FRAME = {
  call: 0x01,
  cancel: 0x02,
  data: 0x03,
  eof: 0x04,
  credit: 0x05,
  event: 0x06,
  return: 0x81,
  fail: 0x82,
  dataDown: 0x83,
  eofDown: 0x84,
  creditDown: 0x85,
  eventDown: 0x86,
} as const

/** Stream numbers: 0 runs from caller to callee, the others from callee to caller. */
export const STREAM = { stdin: 0, stdout: 1, stderr: 2 } as const
export const UP_STREAMS = [STREAM.stdin] as const
export const DOWN_STREAMS = [STREAM.stdout, STREAM.stderr] as const

export const Fail = struct({
  code: text({ max: RPC_LIMITS.failureCodeBytes }),
  message: text({ max: RPC_LIMITS.failureMessageBytes }),
})
export const Credit = struct({ stream: u8, bytes: u32 })

/** What goes to the transport: `head` and then `body`, which is not copied. */
export interface OutFrame {
  readonly head: Uint8Array
  readonly body: Uint8Array | undefined
}

const HEADER_BYTES = 9
const NO_FIELDS = new Uint8Array(0)

/** A frame whose payload is `fields` followed by `body`; `fields` are copied into the head. */
export function outFrame(
  call: number,
  type: number,
  fields: Uint8Array = NO_FIELDS,
  body?: Uint8Array,
): OutFrame {
  const length = fields.length + (body?.length ?? 0)
  if (length > WIRE_LIMITS.frameBytes) {
    throw new RangeError(`A frame of ${length} bytes is over the limit of ${WIRE_LIMITS.frameBytes}`)
  }
  const head = Buffer.allocUnsafe(HEADER_BYTES + fields.length)
  head.writeUInt32LE(length, 0)
  head.writeUInt32LE(call, 4)
  head.writeUInt8(type, 8)
  head.set(fields, HEADER_BYTES)
  return { head, body }
}
