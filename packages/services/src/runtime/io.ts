import type { ProgramIo } from "../program.ts"
import { CallClient } from "./call-client.ts"

/** What a program has of this process. Its streams are opened when they are used. */
export function processIo({ argv, env, cwd }: NodeJS.Process): ProgramIo {
  const calls = new CallClient(`${env.SKERRY_ROOT ?? ""}/run/skerry/call.sock`, env.SKERRY_CALL_ID ?? "")
  return {
    argv: argv.slice(2),
    environment: env,
    cwd: cwd(),
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return process.stdout
    },
    get stderr() {
      return process.stderr
    },
    openCall: async (to) => await calls.open(to),
  }
}
