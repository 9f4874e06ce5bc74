import { readdirSync, readFileSync } from "node:fs"

/* The processes of a domain, as the host sees them. */

/** The lines of /proc/PID/status. */
export function statusOf(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").trim().split("\n")
  return new Map(
    lines.map((line) => [
      line.split(":")[0] ?? "",
      line
        .slice(line.indexOf(":") + 1)
        .trim()
        .replaceAll("\t", " "),
    ]),
  )
}

/** A process and all below it. */
export function processesOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean)
  return [pid, ...children.flatMap((child) => processesOf(Number(child)))]
}

/** Gone, or dead and not yet collected by the host's first process. While one of its threads ends, its sockets are open. */
export function isGone(pid: number): boolean {
  try {
    const isDead = / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
    return isDead && readdirSync(`/proc/${pid}/task`).length === 1
  } catch {
    return true
  }
}

export async function untilGone(pid: number): Promise<void> {
  const deadline = AbortSignal.timeout(30_000)
  while (!isGone(pid)) {
    deadline.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
