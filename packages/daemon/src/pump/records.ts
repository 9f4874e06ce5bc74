/* Between the daemon's thread and the pump's: records of a fixed size, little-endian, over two pipes. */

export const ORDER_BYTES = 12
export const END_BYTES = 12

/** What a pump is to do; `cancel` has no descriptors. */
export type Order =
  | { readonly kind: "carry"; readonly id: number; readonly from: number; readonly to: number }
  | { readonly kind: "cancel"; readonly id: number }

const NO_DESCRIPTOR = -1

export function encodeOrder(order: Order): Buffer {
  const bytes = Buffer.alloc(ORDER_BYTES)
  bytes.writeUInt32LE(order.id, 0)
  bytes.writeInt32LE(order.kind === "carry" ? order.from : NO_DESCRIPTOR, 4)
  bytes.writeInt32LE(order.kind === "carry" ? order.to : NO_DESCRIPTOR, 8)
  return bytes
}

export function decodeOrder(bytes: Buffer): Order {
  const id = bytes.readUInt32LE(0)
  const from = bytes.readInt32LE(4)
  return from === NO_DESCRIPTOR
    ? { kind: "cancel", id }
    : { kind: "carry", id, from, to: bytes.readInt32LE(8) }
}

export function encodeEnd({ id, bytes }: { readonly id: number; readonly bytes: number }): Buffer {
  const record = Buffer.alloc(END_BYTES)
  record.writeUInt32LE(id, 0)
  record.writeDoubleLE(bytes, 4)
  return record
}

export const decodeEnd = (record: Buffer) => ({ id: record.readUInt32LE(0), bytes: record.readDoubleLE(4) })
