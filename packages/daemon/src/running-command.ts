import type { CommandCall } from "./agent.ts"
import { messageOf } from "./errors.ts"

/** A command that runs in a domain, for ps. */
export interface RunningCommand {
  readonly argv: readonly string[]
  pid: number
}

/** Keeps a command among `commands` for as long as it runs, and logs its start and its end. */
export function trackCommand(
  commands: Set<RunningCommand>,
  call: CommandCall,
  argv: readonly string[],
  log: (text: string) => void,
): RunningCommand {
  const command: RunningCommand = { argv, pid: 0 }
  commands.add(command)
  const shown = JSON.stringify(argv.join(" ").slice(0, 256))
  log(`${shown} starts`)
  const done = (how: string) => {
    commands.delete(command)
    log(`${shown} ${how}`)
  }
  call.result.then(
    ({ exit }) =>
      done(exit.kind === "code" ? `ended with status ${exit.code}` : `was ended by signal ${exit.signal}`),
    (error: unknown) => done(`did not end by itself: ${messageOf(error)}`),
  )
  return command
}
