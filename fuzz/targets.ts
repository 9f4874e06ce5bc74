import type { FuzzTarget } from "./target.ts"
import { agentMessages } from "./targets/agent-messages.ts"
import { callSocket } from "./targets/call-socket.ts"
import { confirmRequest } from "./targets/confirm-request.ts"
import { connection } from "./targets/connection.ts"
import { execArgument } from "./targets/exec-argument.ts"
import { filecopy } from "./targets/filecopy.ts"
import { filecopyReplies } from "./targets/filecopy-replies.ts"
import { framing } from "./targets/framing.ts"
import { gpgRequest } from "./targets/gpg-request.ts"
import { ninep } from "./targets/ninep.ts"
import { pageReader } from "./targets/page-reader.ts"
import { policy } from "./targets/policy.ts"
import { serviceConfig } from "./targets/service-config.ts"
import { sshAgent } from "./targets/ssh-agent.ts"

/** To add a target: one file in targets/, one line here. */
export const targets: readonly FuzzTarget[] = [
  framing,
  agentMessages,
  callSocket,
  confirmRequest,
  connection,
  execArgument,
  filecopy,
  filecopyReplies,
  gpgRequest,
  ninep,
  pageReader,
  serviceConfig,
  sshAgent,
  policy,
]
