import { printable } from "@skerry/model"
import type { DomainDriver } from "../domain-driver.ts"
import type { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import { DaemonError, messageOf } from "../errors.ts"
import { orAborted } from "../waits.ts"
import { type AdminException, eventBytes, exceptionBytes, resultBytes, writeAll } from "./admin-wire.ts"
import { HOST_NAME } from "./call-record.ts"
import type { HostCall, HostService } from "./host-services.ts"
import type { PolicyView } from "./policy-view.ts"

/*
 * admin.*: one domain manages others within what the policy allows, which by default is nothing. The call's target,
 * as the caller wrote it, is what the service is about; the rule sends the call itself to @adminvm, as in
 *   admin.vm.Start * manager work allow target=@adminvm
 */

export interface AdminParts {
  readonly domains: Domains
  readonly events: DomainEvents
  readonly view: () => PolicyView | Promise<PolicyView>
}

/** What a service answers; throwing AdminRefusal answers with an exception of the reference's. */
type Answer = (call: HostCall, parts: AdminParts) => Promise<string>

class AdminRefusal extends Error {
  override readonly name = "AdminRefusal"
  readonly kind: AdminException
  constructor(kind: AdminException, message: string) {
    super(message)
    this.kind = kind
  }
}

const SERVICES: Readonly<Record<string, Answer>> = {
  "admin.vm.List": async ({ record, untrustedTarget }, parts) => {
    const view = await parts.view()
    const names = isHost(untrustedTarget)
      ? view.names.filter((name) => view.allows(record.source.name, "admin.vm.List", name))
      : [nameOf(untrustedTarget, view)]
    return names.map((name) => `${name} ${listFields(name, view, parts.domains)}\n`).join("")
  },
  "admin.vm.CurrentState": async ({ untrustedTarget }, parts) => {
    const name = nameOf(untrustedTarget, await parts.view())
    return `power_state=${powerState(parts.domains.find(name))}`
  },
  "admin.vm.Start": async ({ untrustedTarget, signal }, parts) => {
    const driver = await parts.domains.lasting(nameOf(untrustedTarget, await parts.view()))
    await orAborted(driver.ready, signal)
    return ""
  },
  "admin.vm.Shutdown": (call, parts) => stop(call, parts, false),
  "admin.vm.Kill": (call, parts) => stop(call, parts, true),
  "admin.vm.Pause": async (call, parts) => {
    const driver = await running(call, parts)
    if (driver.state.kind === "paused") return ""
    if (driver.state.kind !== "running") {
      throw new AdminRefusal("QubesVMNotRunningError", `${driver.plan.id} is ${driver.state.kind}`)
    }
    driver.dispatch({ kind: "pauseRequested" })
    await orAborted(driver.reaches("paused"), call.signal)
    return ""
  },
  "admin.vm.Unpause": async (call, parts) => {
    const driver = await running(call, parts)
    if (driver.state.kind !== "paused") {
      throw new AdminRefusal("QubesVMNotPausedError", `${driver.plan.id} is not paused`)
    }
    driver.dispatch({ kind: "resumeRequested" })
    await orAborted(driver.reaches("running"), call.signal)
    return ""
  },
  "admin.vm.CreateDisposable": async ({ record, untrustedTarget, signal }, parts) => {
    const driver = await parts.domains.disposable(nameOf(untrustedTarget, await parts.view()))
    // It must not outlive whoever made it and alone knows of it.
    const maker = record.source.driver
    if (maker !== undefined) void maker.ended.then(() => driver.finish())
    try {
      await orAborted(driver.ready, signal)
    } catch (error) {
      driver.finish() // nobody will ever know its name
      throw error
    }
    return driver.plan.id
  },
  "admin.vm.property.List": async () => PROPERTIES.map((name) => `${name}\n`).join(""),
  "admin.vm.property.Get": async ({ untrustedArgument, untrustedTarget }, parts) => {
    const view = await parts.view()
    const name = nameOf(untrustedTarget, view)
    const value = propertyOf(untrustedArgument, name, view, parts.domains)
    return `default=True type=${value.type} ${value.text}`
  },
}

/** `admin.Events` is not in the table: it answers for as long as its caller listens. */
export function adminServices(parts: AdminParts): [string, HostService][] {
  const services = Object.entries(SERVICES).map(([name, answer]): [string, HostService] => [
    name,
    async (call) => {
      call.stdin.resume()
      try {
        await writeAll(call.stdout, resultBytes(await answer(call, parts)))
      } catch (error) {
        await writeAll(call.stdout, exceptionOf(error))
      }
      return 0
    },
  ])
  return [...services, ["admin.Events", (call) => tellEvents(call, parts)]]
}

function exceptionOf(error: unknown): string {
  if (error instanceof AdminRefusal) return exceptionBytes(error.kind, error.message)
  if (error instanceof DaemonError) return exceptionBytes("QubesException", printable(error.message))
  throw error
}

const isHost = (untrustedTarget: string) => ["", "@default", HOST_NAME, "dom0"].includes(untrustedTarget)

/** A domain or instance that the policy knows; a name that it does not know was not asked about by any rule. */
function nameOf(untrustedTarget: string, view: PolicyView): string {
  if (view.names.includes(untrustedTarget)) return untrustedTarget
  throw new AdminRefusal("QubesVMNotFoundError", `No domain ${JSON.stringify(untrustedTarget)}`)
}

async function running({ untrustedTarget }: HostCall, { domains, view }: AdminParts): Promise<DomainDriver> {
  const name = nameOf(untrustedTarget, await view())
  const driver = domains.find(name)
  if (driver === undefined) throw new AdminRefusal("QubesVMNotRunningError", `${name} does not run`)
  return driver
}

async function stop(call: HostCall, parts: AdminParts, force: boolean): Promise<string> {
  const driver = await running(call, parts)
  driver.stop(force)
  await orAborted(driver.ended, call.signal)
  return ""
}

function powerState(driver: DomainDriver | undefined): string {
  switch (driver?.state.kind) {
    case undefined:
    case "ended":
      return "Halted"
    case "running":
    case "pausing":
    case "resuming":
      return "Running"
    case "paused":
      return "Paused"
    case "stopping":
      return "Halting"
    default:
      return "Transient"
  }
}

function listFields(name: string, view: PolicyView, domains: Domains): string {
  return `class=${view.classOf(name)} state=${powerState(domains.find(name))}`
}

const PROPERTIES = ["name", "klass", "template_for_dispvms", "default_dispvm", "memory", "vcpus"] as const

interface Property {
  readonly type: "str" | "bool" | "int" | "vm"
  readonly text: string
}

function propertyOf(untrustedProperty: string, name: string, view: PolicyView, domains: Domains): Property {
  const instance = view.instanceOf(domains.find(name)?.plan.instance ?? name)
  switch (untrustedProperty) {
    case "name":
      return { type: "str", text: name }
    case "klass":
      return { type: "str", text: view.classOf(name) }
    case "template_for_dispvms":
      return { type: "bool", text: instance?.disposableTemplate === true ? "True" : "False" }
    case "default_dispvm":
      return { type: "vm", text: view.defaultDisposableOf(name) ?? "" }
    case "memory":
      return { type: "int", text: String(instance?.memoryMiB ?? 0) }
    case "vcpus":
      return { type: "int", text: String(instance?.vcpus ?? 0) }
    default:
      throw new AdminRefusal(
        "QubesNoSuchPropertyError",
        `No property ${JSON.stringify(untrustedProperty.slice(0, 64))}`,
      )
  }
}

/** States that listeners hear of, in the reference's words. */
const EVENTS: Readonly<Record<string, string>> = {
  starting: "domain-pre-start",
  running: "domain-start",
  paused: "domain-paused",
  resuming: "domain-unpaused",
  stopping: "domain-pre-shutdown",
  ended: "domain-shutdown",
}

async function tellEvents(call: HostCall, { events, view }: AdminParts): Promise<number> {
  const { record, untrustedTarget, signal, stdout, stdin } = call
  stdin.resume()
  const only = isHost(untrustedTarget) ? undefined : nameOf(untrustedTarget, await view())
  const ended = Promise.withResolvers<number>()
  // Whoever listens to everything hears only of those that a rule lets it hear of.
  const mayHear = (view: PolicyView, name: string) =>
    only === undefined ? view.allows(record.source.name, "admin.Events", name) : name === only
  await writeAll(stdout, eventBytes("", "connection-established", {}))
  using _ = events.listen((driver) => {
    const event = EVENTS[driver.state.kind]
    if (event === undefined) return
    const tell = (view: PolicyView) => {
      if (!mayHear(view, driver.plan.id)) return
      // A listener that does not read is let go, rather than remembered for.
      if (stdout.writableNeedDrain) ended.resolve(1)
      else stdout.write(eventBytes(driver.plan.id, event, {}))
    }
    void Promise.resolve(view()).then(tell, (error: unknown) => void messageOf(error))
  })
  // It may have been given up already.
  return await orAborted(ended.promise, signal)
}
