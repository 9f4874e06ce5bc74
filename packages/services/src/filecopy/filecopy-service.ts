import type { Program } from "../program.ts"
import { HOST_NAME, parseCopyArgument } from "./arguments.ts"
import { openIncoming } from "./incoming.ts"
import { readQuota } from "./quota.ts"
import { receiveFiles } from "./receive.ts"

const QUOTA_FILE = "/etc/skerry/filecopy.conf"

/** `qubes.Filecopy`: takes files into ~/QubesIncoming/SOURCE. */
export const filecopyService: Program = (io) => receiveIncoming(io, QUOTA_FILE)

export async function receiveIncoming(io: Parameters<Program>[0], quotaFile: string): Promise<number> {
  const { environment, stdin, stdout } = io
  const caller = environment.QREXEC_REMOTE_DOMAIN ?? ""
  const { allNames, resume, from } = parseCopyArgument(environment.QREXEC_SERVICE_ARGUMENT ?? "")
  const isHost = caller === HOST_NAME
  if (from !== undefined && !isHost) throw new Error("Only the host may say whom files are from")
  const source = from ?? (isHost ? "dom0" : caller)
  await receiveFiles({
    directory: openIncoming(environment.HOME ?? "/home/user", source),
    input: stdin,
    replies: stdout,
    quota: readQuota(quotaFile),
    allNames,
    resume,
  })
  return 0
}
