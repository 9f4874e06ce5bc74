import { quoted } from "@skerry/model"
import { itemPath, memberPath, nearly, type Report, showNames } from "./schema/problem.ts"
import { asObject, ownMember } from "./schema/schema.ts"

type Section = Readonly<Record<string, unknown>>

/**
 * Looks at what was written, not at what was parsed: a name that is declared badly is still declared, and
 * its users must not be reported too.
 */
export function checkReferences(untrustedSystem: unknown, report: Report): void {
  const section = (name: string): Section => asObject(ownMember(asObject(untrustedSystem) ?? {}, name)) ?? {}
  const applications = section("applications")
  const resources = section("resources")
  const instances = section("instances")
  const templates = templatesOf(instances)
  const names = new NameCheck(report)
  for (const [name, untrustedResource] of Object.entries(resources)) {
    checkTarget(`${memberPath("resources", name)}.target`, untrustedResource, instances, templates, names)
  }
  for (const [name, untrustedInstance] of Object.entries(instances)) {
    const instance = asObject(untrustedInstance) ?? {}
    const path = memberPath("instances", name)
    names.check(`${path}.application`, ownMember(instance, "application"), "an application", applications)
    checkDisposable(`${path}.defaultDisposable`, ownMember(instance, "defaultDisposable"), templates, names)
    const untrustedGrants = ownMember(instance, "grants")
    if (!Array.isArray(untrustedGrants)) continue
    untrustedGrants.forEach((grant: unknown, index) => {
      const item = itemPath(`${path}.grants`, index)
      const object = asObject(grant)
      if (object === undefined) names.check(item, grant, "a resource", resources)
      else names.check(`${item}.resource`, ownMember(object, "resource"), "a resource", resources)
    })
  }
  const untrustedDefault = ownMember(section("settings"), "defaultDisposable")
  checkDisposable("settings.defaultDisposable", untrustedDefault, templates, names)
}

class NameCheck {
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  check(path: string, untrustedName: unknown, what: string, declared: Section): void {
    if (typeof untrustedName !== "string" || Object.hasOwn(declared, untrustedName)) return
    const all = Object.keys(declared)
    const list = all.length === 0 ? ", of which there is none" : ` (${showNames(all)})`
    const allowed = `the name of ${what}${list}`
    this.#report.add({ path, found: quoted(untrustedName), allowed, ...nearly(untrustedName, all) })
  }
}

/** Only of what says so are disposables made for others. */
function templatesOf(instances: Section): Section {
  const isTemplate = ([, untrustedInstance]: [string, unknown]) =>
    ownMember(asObject(untrustedInstance) ?? {}, "disposableTemplate") === true
  return Object.fromEntries(Object.entries(instances).filter(isTemplate))
}

const checkDisposable = (path: string, untrustedName: unknown, templates: Section, names: NameCheck): void =>
  names.check(path, untrustedName, "an instance with disposableTemplate", templates)

function checkTarget(
  path: string,
  untrustedResource: unknown,
  instances: Section,
  templates: Section,
  names: NameCheck,
): void {
  const untrustedTarget = ownMember(asObject(untrustedResource) ?? {}, "target")
  if (typeof untrustedTarget !== "string") return
  if (untrustedTarget === "@dispvm" || untrustedTarget === "@adminvm") return
  const prefix = "@dispvm:"
  if (!untrustedTarget.startsWith(prefix)) names.check(path, untrustedTarget, "an instance", instances)
  else checkDisposable(path, untrustedTarget.slice(prefix.length), templates, names)
}
