import { closeSync, constants, openSync } from "node:fs"
import { type Linux, POLL } from "@skerry/linux"
import type { Loop } from "@skerry/loop"
import { TREE } from "./limits.ts"

export interface ScriptEnd {
  readonly status: number | "killed"
  /** What it wrote on its standard error, its beginning. */
  readonly words: string
}

/** A script of busybox's shell. Whatever touches a mounted tree waits for its pump, so it must not be the pump's thread. */
export function runScript(
  { loop, linux }: { readonly loop: Loop; readonly linux: Linux },
  request: { readonly script: string; readonly args: readonly string[]; readonly stdin: number | undefined },
  timeoutMs: number,
  onEnd: (end: ScriptEnd) => void,
): void {
  const nothing = openSync("/dev/null", constants.O_RDWR)
  const errors = linux.pipe()
  const pid = linux.spawn({
    file: "/usr/lib/skerry/busybox",
    argv: ["sh", "-c", request.script, "skerry", ...request.args],
    environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    workingDirectory: "/",
    stdio: [request.stdin ?? nothing, nothing, errors.write],
    account: undefined,
  })
  for (const fd of [nothing, errors.write]) closeSync(fd)
  linux.setBlocking(errors.read, false)
  const pidfd = linux.openPidfd(pid)
  const stopWaiting = loop.after(timeoutMs, () => process.kill(-pid, "SIGKILL"))
  const watch = loop.watch(pidfd, () => {
    const end = linux.collectChild(pidfd)
    if (end === undefined) return
    stopWaiting()
    watch.close()
    const words = Buffer.alloc(TREE.wordsBytes)
    const count = linux.readSome(errors.read, words) ?? 0
    for (const fd of [pidfd, errors.read]) closeSync(fd)
    onEnd({
      status: end.kind === "code" ? end.code : "killed",
      words: words.toString("utf8", 0, count).trim(),
    })
  })
  watch.want(POLL.in)
}
