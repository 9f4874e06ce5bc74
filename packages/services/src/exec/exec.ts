import type { Program } from "../program.ts"
import { decodeCommand } from "./argument.ts"
import { runChild } from "./run-child.ts"

/** `qubes.VMExec`: runs the command that the argument encodes. `qubes.VMExecGUI` is the same: there is no session to wait for. */
export const exec: Program = (io) => runChild(io, decodeCommand(io.environment.QREXEC_SERVICE_ARGUMENT ?? ""))
