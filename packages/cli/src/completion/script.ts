import type { Command } from "../command.ts"
import { bashScript } from "./bash.ts"
import { fishScript } from "./fish.ts"
import { zshScript } from "./zsh.ts"

/** One file per shell in this folder, one line here. */
const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const
export type Shell = keyof typeof SHELLS
export const SHELL_NAMES = Object.keys(SHELLS) as Shell[]

/** Pure: the completion script of one shell, from what the commands say about themselves. */
export const completionScript = (shell: Shell, commands: readonly Command[]): string =>
  SHELLS[shell](commands)
