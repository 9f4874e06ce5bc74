import { BECOMES } from "../exec/becomes.ts"
import { runChild } from "../exec/run-child.ts"
import type { Program } from "../program.ts"

/** `qubes.VMShell`: a shell that reads commands from standard input. */
export const shell: Program = (io) => runChild(io, BECOMES.get("qubes.VMShell")?.("") ?? [])
