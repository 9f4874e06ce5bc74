import type { ExecParams } from "@skerry/rpc"
import type { Account } from "./accounts.ts"

const USER_PATH = "/usr/local/bin:/usr/bin:/bin"
const ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

export type Environment = Readonly<Record<string, string>> & { readonly PATH: string }

/** A command's whole environment: nothing of the agent's own reaches it. */
export function commandEnvironment(
  params: Pick<ExecParams, "environment" | "terminal">,
  account: Account,
): Environment {
  return {
    PATH: account.uid === 0 ? ROOT_PATH : USER_PATH,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
    LANG: "C.UTF-8",
    ...(params.terminal === undefined ? {} : { TERM: params.terminal.type || "dumb" }),
    ...Object.fromEntries(params.environment),
  }
}
