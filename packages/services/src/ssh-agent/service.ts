import { once } from "node:events"
import { connect, type Socket } from "node:net"
import type { Program, ProgramIo } from "../program.ts"
import { type Ask, fitQuestion } from "../question.ts"
import { SSH_LIMITS } from "./limits.ts"
import { MESSAGE, parseIdentities, parseRequest, readMessages } from "./messages.ts"
import { parseSignedData } from "./signed-data.ts"
import { type Binding, sshQuestion } from "./ssh-question.ts"
import { SshError, sshString } from "./ssh-reader.ts"

const FAILURE = Buffer.of(MESSAGE.failure)

/** The service skerry.SshAgent: one connection to the vault's ssh-agent, which hears only what may be asked of it. */
export function sshAgentService(askOf: (io: ProgramIo) => Ask): Program {
  return async (io) => {
    await using agent = await VaultAgent.connect(agentPath(io.environment))
    const filter = new Filter(agent, askOf(io))
    for await (const untrustedMessage of readMessages(io.stdin)) {
      const answer = sshString(await filter.answer(untrustedMessage))
      await new Promise<void>((resolve, reject) =>
        io.stdout.write(answer, (error) => (error ? reject(error) : resolve())),
      )
    }
    return 0
  }
}

/** Where the vault's agent listens: a service is started without a login's surroundings. */
function agentPath({ SSH_AUTH_SOCK, HOME }: ProgramIo["environment"]): string {
  return SSH_AUTH_SOCK || `${HOME ?? ""}/.ssh/agent.sock`
}

class Filter {
  readonly #agent: VaultAgent
  readonly #ask: Ask
  readonly #bindings: Binding[] = []

  constructor(agent: VaultAgent, ask: Ask) {
    this.#agent = agent
    this.#ask = ask
  }

  async answer(untrustedMessage: Buffer): Promise<Buffer> {
    const request = parseRequest(untrustedMessage)
    switch (request.kind) {
      case "list":
        return this.#agent.request(untrustedMessage, MESSAGE.identities)
      case "bind":
        return this.#bind(untrustedMessage, request)
      case "sign":
        return (await this.#isAllowed(request.key, request.data))
          ? this.#agent.request(untrustedMessage, MESSAGE.signature)
          : FAILURE
      default:
        return FAILURE
    }
  }

  async #bind(untrustedMessage: Buffer, binding: Binding): Promise<Buffer> {
    if (this.#bindings.length === SSH_LIMITS.bindings) return FAILURE
    const answer = await this.#agent.request(untrustedMessage, MESSAGE.success)
    // Only now it is known that the host signed the session.
    if (answer[0] === MESSAGE.success) this.#bindings.push(binding)
    return answer
  }

  async #isAllowed(key: Buffer, untrustedData: Buffer): Promise<boolean> {
    const list = await this.#agent.request(Buffer.of(MESSAGE.requestIdentities), MESSAGE.identities)
    if (list[0] !== MESSAGE.identities) return false
    const identity = parseIdentities(list).find((each) => each.key.equals(key))
    const data = parseSignedData(untrustedData, key)
    if (identity === undefined || data === undefined) return false
    const question = sshQuestion(data, identity, this.#bindings)
    return question !== undefined && this.#ask(fitQuestion(question))
  }
}

/** The vault's own ssh-agent: one request at a time. */
class VaultAgent implements AsyncDisposable {
  readonly #socket: Socket
  readonly #messages: AsyncGenerator<Buffer>

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#messages = readMessages(socket)
  }

  static async connect(path: string): Promise<VaultAgent> {
    const socket = connect(path)
    try {
      await once(socket, "connect")
    } catch (cause) {
      const how = `start one there, such as "ssh-agent -a ~/.ssh/agent.sock"`
      throw new SshError(
        "no-agent",
        `The vault has no ssh-agent at ${path} (${(cause as Error).message}): ${how}`,
        { cause },
      )
    }
    // What breaks later is told by the reading side.
    socket.on("error", () => {})
    return new VaultAgent(socket)
  }

  /** The agent's answer if it is of this type, else a failure. */
  async request(message: Buffer, type: number): Promise<Buffer> {
    this.#socket.write(sshString(message))
    const { value, done } = await this.#messages.next()
    if (done === true) throw new SshError("no-agent", "The vault's ssh-agent ended")
    return value[0] === type ? value : FAILURE
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await this.#messages.return(undefined)
  }
}
