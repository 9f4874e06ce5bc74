import type { ExecParams } from "@skerry/rpc"
import type { Account } from "./accounts.ts"

const USER_PATH = "/usr/local/bin:/usr/bin:/bin"
const ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

export interface Environment {
  readonly path: string
  /** NAME=value each. */
  readonly lines: readonly string[]
}

/** A command's whole environment: nothing of the agent's own reaches it. */
export function commandEnvironment(
  params: Pick<ExecParams, "environment" | "terminal">,
  account: Account,
): Environment {
  const variables = new Map([
    ["PATH", account.uid === 0 ? ROOT_PATH : USER_PATH],
    ["HOME", account.home],
    ["USER", account.name],
    ["LOGNAME", account.name],
    ["SHELL", account.shell],
    ["LANG", "C.UTF-8"],
  ])
  if (params.terminal !== undefined) variables.set("TERM", params.terminal.type || "dumb")
  for (const [name, value] of params.environment) variables.set(name, value)
  const lines: string[] = []
  for (const [name, value] of variables) lines.push(`${name}=${value}`)
  return { path: variables.get("PATH") ?? "", lines }
}
