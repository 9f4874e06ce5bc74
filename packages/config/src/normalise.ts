import { createHash } from "node:crypto"
import { type Digest, parseDigest, quoted, type System } from "@skerry/model"
import { canonicalJson } from "./canonical-json.ts"
import { invalid } from "./config-error.ts"
import { itemPath, memberPath, nearly, Report, showNames } from "./schema/problem.ts"
import { asObject, ownMember } from "./schema/schema.ts"
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
  if (parsed === undefined || report.problems.length > 0) {
    throw invalid(file, report.problems, report.more)
  }
  const system: System = deepFreeze({ version: 1, ...parsed })
  const json = canonicalJson(system)
  const digest = parseDigest(`sha256:${createHash("sha256").update(json).digest("hex")}`)
  return { system, canonicalJson: json, digest }
}

/**
 * Looks at what was written, not at what was parsed: a name that is declared badly is still declared, and
 * its users must not be reported too.
 */
function checkReferences(untrustedSystem: unknown, report: Report): void {
  const section = (name: string) => asObject(ownMember(asObject(untrustedSystem) ?? {}, name)) ?? {}
  const applications = section("applications")
  const resources = section("resources")
  const check = (
    path: string,
    untrustedName: unknown,
    what: string,
    declared: Readonly<Record<string, unknown>>,
  ): void => {
    if (typeof untrustedName !== "string" || Object.hasOwn(declared, untrustedName)) return
    const names = Object.keys(declared)
    const list = names.length === 0 ? ", of which there is none" : ` (${showNames(names)})`
    const allowed = `the name of ${what}${list}`
    report.add({ path, found: quoted(untrustedName), allowed, ...nearly(untrustedName, names) })
  }
  for (const [name, untrustedInstance] of Object.entries(section("instances"))) {
    const instance = asObject(untrustedInstance) ?? {}
    const path = memberPath("instances", name)
    check(`${path}.application`, ownMember(instance, "application"), "an application", applications)
    const untrustedGrants = ownMember(instance, "grants")
    if (!Array.isArray(untrustedGrants)) continue
    untrustedGrants.forEach((grant: unknown, index) => {
      check(itemPath(`${path}.grants`, index), grant, "a resource", resources)
    })
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member)
    Object.freeze(value)
  }
  return value
}
