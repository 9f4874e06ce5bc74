/** Bounds of one connection; both ends must have the same. Each names the harm that it prevents. */
export const RPC_LIMITS = {
  /** Calls open at once in each direction: bounds the number of windows and of running handlers. */
  callsOpen: 512,
  /** Bytes of one stream on their way or not consumed: bounds what a reader that stops makes its side hold. */
  windowBytes: 256 * 1024,
  /** Stream bytes in one frame: bounds how long a bulk stream keeps the pipe from other calls. */
  chunkBytes: 64 * 1024,
  /** Encoded params, result or event, in bytes: each fits one frame. */
  messageBytes: 64 * 1024,
  /** Events of one call and direction that wait for the pipe: a full pipe must not make a queue grow. */
  eventsWaiting: 64,
  /** UTF-8 bytes of a failure's code: a short word. */
  failureCodeBytes: 64,
  /** UTF-8 bytes of a failure's message: it ends up on a terminal or in a log. */
  failureMessageBytes: 4096,
  /** Call ids are u32 and never reused; a connection that has used them up ends. */
  lastCallId: 0xffff_ffff,
} as const
