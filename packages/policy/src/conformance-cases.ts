import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { PolicyRequest } from "./evaluate.ts"
import { type SystemView, systemView } from "./system-view.ts"

/*
 * Questions recorded from the reference, with its answers. They are not part of this repository: SKERRY_CONFORMANCE
 * names the folder that has them, else they are looked for beside the repository.
 */

const FILE = "qrexec-policy-cases.json"

interface WrittenRequest {
  readonly service: string
  readonly argument: string
  readonly source: string
  readonly target: string
  readonly system_info: string
  readonly requested_source?: string
}

interface WrittenDomain {
  readonly tags: readonly string[]
  readonly type: string
  readonly template_for_dispvms: boolean
  readonly default_dispvm?: string | null
  readonly power_state?: string
  readonly uuid?: string
  readonly internal?: boolean
  readonly relayvm?: string
  readonly transport_rpc?: string
  readonly label?: string
}

/** Fields that a kind does not have are absent; each kind's check reads its own. */
export interface CaseInput {
  readonly context: "any" | "source" | "target" | "redirect" | "intended_target"
  readonly token: string
  readonly other: string
  readonly source: string | null
  readonly target: string
  readonly system_info: string
  readonly request: WrittenRequest
  readonly line: string
  readonly service: string
  readonly argument: string
  readonly policy: {
    readonly files: Readonly<Record<string, string>>
    readonly compat_files?: Readonly<Record<string, string>>
  }
  readonly rule: string
  readonly targets: readonly string[]
  readonly default_target: string | null
  readonly answer: boolean
  readonly chosen: string
  readonly resolved: { readonly target: string; readonly user: string | null; readonly autostart: boolean }
  readonly files: Readonly<Record<string, string>>
  readonly call: string
  readonly payload: string
  readonly args: readonly string[]
}

export interface ConformanceCase {
  readonly id: string
  readonly kind: string
  readonly input: CaseInput
  readonly expect: Readonly<Record<string, unknown>>
}

export interface Conformance {
  readonly cases: readonly ConformanceCase[]
  system(id: string): SystemView
  colourOf(id: string): (name: string) => string | undefined
}

/** Undefined where the questions are not at hand. */
export function readConformance(folder: string | undefined): Conformance | undefined {
  const path = join(folder ?? join(import.meta.dirname, "../../../../shared/conformance"), FILE)
  if (!existsSync(path)) return undefined
  const { system_infos, cases } = JSON.parse(readFileSync(path, "utf8")) as {
    system_infos: Record<string, { domains: Record<string, WrittenDomain> }>
    cases: ConformanceCase[]
  }
  const domainsOf = (id: string) => system_infos[id]?.domains ?? {}
  return {
    cases,
    system: (id) => viewOf(domainsOf(id)),
    colourOf: (id) => (name) => domainsOf(id)[name]?.label?.replace("0x", "#"),
  }
}

const viewOf = (domains: Readonly<Record<string, WrittenDomain>>): SystemView =>
  systemView(
    Object.fromEntries(
      Object.entries(domains).map(([name, each]) => [
        name,
        {
          tags: each.tags,
          type: each.type,
          templateForDisposables: each.template_for_dispvms,
          defaultDisposable: each.default_dispvm ?? undefined,
          isRunning: each.power_state === "Running",
          uuid: each.uuid,
          isInternal: each.internal,
          relay: each.relayvm,
          transportService: each.transport_rpc,
        },
      ]),
    ),
  )

export const requestOf = ({ requested_source, ...request }: WrittenRequest): PolicyRequest => ({
  service: request.service,
  argument: request.argument,
  source: request.source,
  target: request.target,
  ...(requested_source === undefined ? {} : { relayedFor: requested_source }),
})
