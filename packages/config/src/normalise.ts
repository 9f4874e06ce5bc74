import { createHash } from "node:crypto"
import { type Digest, parseDigest, SYSTEM_VERSION, type System } from "@skerry/model"
import { canonicalJson } from "./canonical-json.ts"
import { checkReferences } from "./check-references.ts"
import { checkQuotas, completeGrants } from "./complete-grants.ts"
import { invalid } from "./config-error.ts"
import { Report } from "./schema/problem.ts"
import { systemSchema } from "./system-schema.ts"

export interface NormalisedSystem {
  /** Complete and frozen. */
  readonly system: System
  /** The same bytes for the same system, whatever order it was written in. */
  readonly canonicalJson: string
  readonly digest: Digest
}

/** Pure. `file` is named in errors. Throws ConfigError "invalid" with everything that is wrong, up to a bound. */
export function normalise(untrustedSystem: unknown, file: string): NormalisedSystem {
  const report = new Report()
  const parsed = systemSchema.parse(untrustedSystem, "", report)
  checkReferences(untrustedSystem, report)
  const instances = parsed && completeGrants(parsed.instances, parsed.resources, report)
  if (parsed !== undefined) checkQuotas(parsed.resources, report)
  if (parsed === undefined || instances === undefined || report.problems.length > 0) {
    throw invalid(file, report.problems, report.more)
  }
  const system: System = deepFreeze({ version: SYSTEM_VERSION, ...parsed, instances })
  const json = canonicalJson(system)
  const digest = parseDigest(`sha256:${createHash("sha256").update(json).digest("hex")}`)
  return { system, canonicalJson: json, digest }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member)
    Object.freeze(value)
  }
  return value
}
