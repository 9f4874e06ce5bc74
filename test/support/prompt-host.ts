import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { ADMIN, Connection, type GrantRow, handler, type Question } from "@skerry/rpc"
import type { Audit } from "../../packages/daemon/src/audit/audit.ts"
import { auditHandlers } from "../../packages/daemon/src/audit/handlers.ts"
import { openAudit } from "../../packages/daemon/src/audit/open-audit.ts"
import type { Answer } from "../../packages/daemon/src/prompts/answer.ts"
import { Prompts } from "../../packages/daemon/src/prompts/prompts.ts"
import { grantHandlers, revocation } from "../../packages/daemon/src/remembered/handlers.ts"
import { Remembered } from "../../packages/daemon/src/remembered/remembered.ts"
import { CommandLine, repository } from "./command-line.ts"

/** The part of a daemon that asks, remembers and records, at the socket where the command line looks for a daemon. */
export class PromptHost implements AsyncDisposable {
  readonly home: CommandLine
  readonly notices: string[] = []
  readonly remembered: Remembered
  readonly audit: Audit
  readonly #prompts: Prompts
  readonly #server: Server
  readonly #connections: Connection[] = []

  private constructor() {
    const folder = mkdtempSync(join(tmpdir(), "skerry-prompt-"))
    this.home = new CommandLine(folder, [process.execPath, join(repository, "packages/cli/src/main.ts")])
    this.#prompts = new Prompts({
      promptMs: () => 60_000,
      monotonicMs: () => performance.now(),
      now: Date.now,
      onNotice: (text) => this.notices.push(text),
    })
    const state = join(folder, "state")
    const onNotice = (text: string) => this.notices.push(text)
    const remembered = new Remembered({ state, now: Date.now, onNotice })
    const audit = openAudit({ state, now: Date.now, randomBytes, onNotice })
    this.remembered = remembered
    this.audit = audit
    const onRevoked = (row: GrantRow) => audit.append(revocation(row))
    const serve = [
      ...this.#prompts.handlers,
      // No directory is granted here.
      handler(ADMIN.listDirectoryGrants, async () => undefined),
      ...grantHandlers({ remembered, now: Date.now, onRevoked }),
      ...auditHandlers(audit),
    ]
    this.#server = createServer((socket) => {
      this.#connections.push(new Connection(socket, { serve }))
    })
  }

  static async open(): Promise<PromptHost> {
    const host = new PromptHost()
    mkdirSync(host.home.runtime, { mode: 0o700 })
    const path = join(host.home.runtime, "skerryd.sock")
    await new Promise<void>((resolve) => host.#server.listen(path, resolve))
    return host
  }

  /** Once a prompter is there: it has drawn its screen before it is heard of here. */
  async ask(question: Question): Promise<Answer> {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await setTimeout(20)) {
      const answer = await this.#prompts.ask(question, new AbortController().signal)
      if (answer.kind === "allow" || answer.why !== "no-prompter") return answer
    }
    throw new Error("No prompter came")
  }

  /** As a daemon that is killed. */
  drop(): void {
    for (const connection of this.#connections) connection.close()
    this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop()
    await this.audit.end()
    rmSync(this.home.folder, { recursive: true })
  }
}

export const callQuestion: Question & { readonly kind: "call" } = {
  kind: "call",
  source: "mail",
  service: "qubes.Filecopy",
  argument: "",
  targets: ["work", "vault"],
  defaultTarget: "",
  requestedTarget: "vault",
  rule: "policy.d/30-user.policy:4",
}
