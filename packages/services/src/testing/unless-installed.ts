import { execFileSync } from "node:child_process"

/** For a test's `skip`: false where all of these programs are installed, else which one is not. */
export function unlessInstalled(...programs: readonly string[]): string | false {
  const missing = programs.find((program) => {
    try {
      execFileSync("/bin/sh", ["-c", 'command -v -- "$1"', "sh", program], { stdio: "ignore" })
      return false
    } catch {
      return true
    }
  })
  return missing === undefined ? false : `${missing} is not installed`
}
