import { existsSync } from "node:fs"
import { decodeCommand } from "./argument.ts"

/** Where a domain's programs lie; the services and commands of Skerry are links to it. */
export const PROGRAMS_FILE = "/usr/lib/skerry/programs.cjs"

const shell = () => [existsSync("/bin/bash") ? "/bin/bash" : "/bin/sh"]

/**
 * Services that do nothing but become another program: the command of each, by its argument; throws ExecArgumentError
 * for one that encodes none. The agent runs the command itself, without a Node process in between; the programs of
 * the same names do the same, and say what is wrong where that cannot be.
 */
export const BECOMES: ReadonlyMap<string, (untrustedArgument: string) => readonly string[]> = new Map([
  ["qubes.VMShell", shell],
  ["qubes.VMExec", decodeCommand],
  ["qubes.VMExecGUI", decodeCommand],
])
