import type { PortHandler } from "@skerry/loop"
import { FILES, type FilesStatus, STREAM } from "@skerry/rpc"
import { encode } from "@skerry/wire"

/** Answers with one line of JSON on stdout. */
export function statusHandler(status: () => FilesStatus): PortHandler {
  const { id, result } = FILES.status
  return {
    id,
    start(call) {
      call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
      const finish = () => call.finish("return", encode(result, undefined))
      call.sent(STREAM.stdout).write(Buffer.from(`${JSON.stringify(status())}\n`), finish)
    },
  }
}
