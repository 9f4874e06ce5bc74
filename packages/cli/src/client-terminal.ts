import { openLinux } from "@skerry/linux"
import type { CommandContext } from "./command.ts"

/** Puts the user's terminal into raw mode for a command that has one of its own; disposing of it gives the mode back. */
export function takeTerminal(
  { stdin, stdout }: Pick<CommandContext, "stdin" | "stdout">,
  onResize: (size: { rows: number; columns: number }) => void,
): Disposable {
  const resize = () => {
    const { rows = 24, columns = 80 } = stdout
    onResize({ rows, columns })
  }
  // Node gives the terminal its mode back if the process ends by exit() or a signal before this is disposed of.
  stdin.setRawMode?.(true)
  // The domain's terminal has made line ends of line feeds already, which Node's raw mode would do again.
  openLinux().passOutputUnchanged(stdin.fd ?? 0)
  stdout.on("resize", resize)
  return {
    [Symbol.dispose]() {
      stdout.off("resize", resize)
      stdin.setRawMode?.(false)
    },
  }
}
