import assert from "node:assert/strict"
import { text } from "node:stream/consumers"
import { RemoteError, type ServiceFailureCode, service } from "@skerry/rpc"
import type { TestAgent } from "../test-agent.ts"
import type { ServiceParams } from "./service-environment.ts"

/** For tests: a call of `service+argument` as the daemon makes it. */
export function serviceParams(name: string, more: Partial<ServiceParams> = {}): ServiceParams {
  const [service = "", argument = ""] = name.split(/\+(.*)/s, 2)
  return {
    service,
    argument,
    source: "mail",
    requestedTarget: "vault",
    user: "",
    callId: "7",
    progress: true,
    pipes: 0,
    ...more,
  }
}

export async function runService(
  agent: TestAgent,
  name: string,
  input: string | Uint8Array = "",
  more: Partial<ServiceParams> = {},
) {
  const call = agent.caller.call(service, serviceParams(name, more))
  call.stdin.end(input)
  const [stdout, stderr, { exit }] = await Promise.all([text(call.stdout), text(call.stderr), call.result])
  return { stdout, stderr, exit }
}

export async function serviceFails(
  agent: TestAgent,
  name: string,
  code: ServiceFailureCode,
  more: Partial<ServiceParams> = {},
): Promise<void> {
  await assert.rejects(
    runService(agent, name, "", more),
    (error) => error instanceof RemoteError && error.code === code,
  )
}
