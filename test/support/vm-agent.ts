import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import type { Duplex } from "node:stream"
import { text } from "node:stream/consumers"
import type { Domain } from "@skerry/isolation"
import type { ExecParams } from "@skerry/rpc"
import { Agent, type Identity } from "../../packages/daemon/src/agent.ts"
import { VM_STEP_MS } from "./vm-host.ts"

/** A channel has one connection for good: asking for it again must not open a second. */
const agents = new WeakMap<Duplex, Agent>()

export function agentOf(channel: Duplex): Agent {
  const agent = agents.get(channel) ?? new Agent(channel, Date.now)
  agents.set(channel, agent)
  return agent
}

export const someIdentity = (hostName: string): Identity => ({
  entropy: randomBytes(64),
  hostName,
  machineId: randomBytes(16).toString("hex"),
})

/** Waits for the agent's first answer and makes the domain a machine of its own, as the daemon does. */
export async function identify(domain: Domain): Promise<Agent> {
  const agent = agentOf(domain.channel)
  await agent.answer(AbortSignal.timeout(VM_STEP_MS))
  assert.deepEqual(await agent.identify(someIdentity(domain.id)), [])
  return agent
}

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: string
}

/** Runs a shell script inside to its end. */
export async function runScript(
  domain: Domain,
  script: string,
  options: { readonly user?: "user" | "root"; readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<Outcome> {
  const params: ExecParams = {
    argv: ["/bin/sh", "-c", script],
    environment: [],
    workingDirectory: "/",
    user: options.user ?? "user",
    terminal: undefined,
    descriptors: false,
  }
  const call = agentOf(domain.channel).exec(
    params,
    () => {},
    AbortSignal.timeout(options.timeoutMs ?? VM_STEP_MS),
  )
  call.stdin.end(options.input ?? "")
  const [stdout, stderr, { exit }] = await Promise.all([text(call.stdout), text(call.stderr), call.result])
  return { stdout, stderr, status: exit.kind === "code" ? String(exit.code) : `signal ${exit.signal}` }
}

/** What a script prints; it has to succeed. */
export async function outputOf(domain: Domain, script: string): Promise<string> {
  const { stdout, stderr, status } = await runScript(domain, script)
  assert.equal(status, "0", stderr)
  return stdout.trim()
}
