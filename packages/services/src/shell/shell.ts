import { existsSync } from "node:fs"
import { runChild } from "../exec/run-child.ts"
import type { Program } from "../program.ts"

/** `qubes.VMShell`: a shell that reads commands from standard input. */
export const shell: Program = (io) => runChild(io, [existsSync("/bin/bash") ? "/bin/bash" : "/bin/sh"])
