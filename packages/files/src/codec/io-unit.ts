import { DATA_HEADER_BYTES } from "./messages.ts"

/** What trees keep in one piece: data that comes in other pieces is written twice, or read twice. */
const UNIT_BYTES = 128 * 1024

/** Bytes of data that a client had best move with one message of up to `messageBytes`; 0: as many as it holds. */
export function ioUnit(messageBytes: number): number {
  const most = messageBytes - DATA_HEADER_BYTES
  return most - (most % UNIT_BYTES)
}
