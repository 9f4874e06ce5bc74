import { VERSION } from "@skerry/model"
import {
  ADMIN,
  ADMIN_LIMITS,
  type CallContext,
  type CommandDown,
  type DaemonStatus,
  type DomainRow,
  type Handlers,
  handler,
  type LogRow,
} from "@skerry/rpc"
import type { Admission } from "./admission.ts"
import type { Backends } from "./backends.ts"
import type { DescriptorDesk } from "./descriptor-desk.ts"
import type { DomainDriver } from "./domain-driver.ts"
import type { Domains } from "./domains.ts"
import { DaemonError } from "./errors.ts"
import type { Generations } from "./generations.ts"
import type { Journals } from "./journals.ts"
import { DAEMON_LIMITS } from "./limits.ts"
import { measureStart } from "./measure.ts"
import { ClientEvents, handOverPipes, runCommand } from "./run-command.ts"
import type { StandbyPool } from "./standby.ts"
import type { Templates } from "./templates.ts"
import { orAborted } from "./waits.ts"
import { writeLines } from "./write-lines.ts"

export interface ServiceParts {
  readonly domains: Domains
  readonly generations: Generations
  readonly backends: Backends
  readonly admission: Admission
  readonly templates: Templates
  readonly standby: StandbyPool
  readonly journals: Journals
  readonly desk: DescriptorDesk
  readonly now: () => number
  readonly startedAt: number
  readonly memoryBytes: (pid: number) => Promise<number | undefined>
  /** Begins the daemon's end; it goes on after the answer. */
  readonly shutDown: () => Promise<void>
}

/** What clients may ask: one handler for each entry of ADMIN. */
export function adminHandlers(parts: ServiceParts): Handlers {
  const { domains, desk } = parts
  return [
    handler(ADMIN.run, async ({ instance, isDisposable, command }, context) => {
      const events = new ClientEvents(context)
      const driver = isDisposable ? await domains.disposable(instance) : await domains.lasting(instance)
      const pipes = handOverPipes(driver, command, context, events, desk)
      pipes.catch(() => {}) // it may fail long before it is waited for
      try {
        await startUntil(driver.reachable, parts, driver, context)
        return await runCommand(driver, command, context, events, pipes)
      } finally {
        closeOnceThere(pipes)
        // After the answer: whoever waits for the exit status does not wait for the clean-up.
        if (isDisposable) setImmediate(() => driver.finish())
      }
    }),
    handler(ADMIN.start, async ({ instance }, context) => {
      const driver = await domains.lasting(instance)
      await startUntil(driver.ready, parts, driver, context)
      return { domain: driver.plan.id }
    }),
    handler(ADMIN.exec, async ({ domain, command }, context) => {
      const events = new ClientEvents(context)
      const driver = domains.get(domain)
      const pipes = handOverPipes(driver, command, context, events, desk)
      try {
        return await runCommand(driver, command, context, events, pipes)
      } finally {
        closeOnceThere(pipes)
      }
    }),
    handler(ADMIN.ps, async (_, context) => {
      const rows = await Promise.all(domains.all.map((driver) => domainRow(parts, driver)))
      await writeLines(context, rows)
    }),
    handler(ADMIN.logs, async ({ domain, follow }, context) => {
      await writeLogs(parts, domain, follow, context)
    }),
    handler(ADMIN.stop, async ({ domain, force }) => {
      const driver = domains.get(domain)
      driver.stop(force)
      await driver.ended
    }),
    handler(ADMIN.pause, async ({ domain }) => {
      await changeState(domains.get(domain), "running", "pauseRequested", "paused")
    }),
    handler(ADMIN.resume, async ({ domain }) => {
      await changeState(domains.get(domain), "paused", "resumeRequested", "running")
    }),
    handler(ADMIN.prepare, async ({ instances }, context) => {
      const { plans, unusable } = await domains.plans(instances)
      let done = 0
      for (const { instance, mould } of plans) {
        context.send({ what: instance, done, total: plans.length })
        await parts.templates.hold({ ...mould, signal: context.signal }, async () => {})
        done += 1
      }
      return { prepared: done, unusable: unusable.slice(0, ADMIN_LIMITS.unusable) }
    }),
    handler(ADMIN.measure, async ({ instance, boot }, context) => {
      const { plans } = await domains.plans([instance])
      const [plan] = plans
      if (plan === undefined)
        throw new DaemonError("unusable", `"${instance}" cannot be started on this host`)
      return { microseconds: await measureStart(parts, plan, boot, context.signal) }
    }),
    handler(ADMIN.status, async (_, context) => writeLines(context, [await daemonStatus(parts)])),
    handler(ADMIN.shutDown, () => {
      // After the answer; the client knows that all is over when its connection is closed.
      setImmediate(() => void parts.shutDown())
      return undefined
    }),
  ]
}

/** A start that failed does not wait for pipes that are still on their way. */
function closeOnceThere(pipes: Promise<Disposable | undefined>): void {
  pipes.then(
    (held) => held?.[Symbol.dispose](),
    () => {}, // told to whoever waited for them
  )
}

/** Waits for a start, telling the client now and then; a disposable that nobody waits for any more is given up. */
async function startUntil(
  goal: Promise<void>,
  { admission }: ServiceParts,
  driver: DomainDriver,
  context: CallContext<unknown, CommandDown>,
): Promise<void> {
  if (driver.state.kind === "running" || driver.state.kind === "paused") return
  const report = setInterval(() => {
    context.send({ kind: "waiting", state: driver.state.kind, inLine: admission.counts.waiting })
  }, DAEMON_LIMITS.waitingReportMs)
  try {
    await orAborted(goal, context.signal)
  } finally {
    clearInterval(report)
  }
}

async function changeState(
  driver: DomainDriver,
  from: "running" | "paused",
  request: "pauseRequested" | "resumeRequested",
  goal: "running" | "paused",
): Promise<void> {
  if (driver.state.kind === goal) return
  if (driver.state.kind !== from) {
    throw new DaemonError(
      "wrong-state",
      `"${driver.plan.id}" is ${driver.state.kind}, not ${from}: try again later`,
    )
  }
  driver.dispatch({ kind: request })
  const state = await driver.reaches(goal)
  if (state.kind === goal) return
  const why = state.kind === "ended" && state.how.kind === "failed" ? `: ${state.how.message}` : ""
  throw new DaemonError("domain-failed", `"${driver.plan.id}" has ended instead${why}`)
}

async function domainRow({ now, memoryBytes }: ServiceParts, driver: DomainDriver): Promise<DomainRow> {
  const { plan, domain } = driver
  return {
    domain: plan.id,
    instance: plan.instance,
    isDisposable: plan.isDisposable,
    state: driver.state.kind,
    isolation: plan.mould.backend.level,
    backend: plan.mould.backend.name,
    acceleration: plan.mould.backend.features.acceleration,
    generation: plan.generation,
    image: plan.mould.image.digest,
    pid: domain?.processes.pid,
    uid: domain?.processes.uid,
    uptimeMs: driver.runningSince === undefined ? 0 : Math.max(0, now() - driver.runningSince),
    memoryBytes: domain === undefined ? undefined : await memoryBytes(domain.processes.pid),
    commands: [...driver.commands].map(({ pid, argv }) => ({ pid, argv })),
  }
}

async function daemonStatus(parts: ServiceParts): Promise<DaemonStatus> {
  const { domains, starting, waiting } = parts.admission.counts
  return {
    pid: process.pid,
    version: VERSION,
    uptimeMs: parts.now() - parts.startedAt,
    generation: await parts.generations.loadedNumber(),
    backends: await parts.backends.status(),
    domains,
    starting,
    waiting,
    templates: parts.templates.count,
    standby: parts.standby.count,
    memoryBytes: process.memoryUsage.rss(),
  }
}

async function writeLogs(
  { domains, journals, now }: ServiceParts,
  untrustedName: string,
  follow: boolean,
  context: CallContext<unknown, unknown>,
): Promise<void> {
  const journal = journals.find(untrustedName) ?? journals.find(domains.get(untrustedName).plan.instance)
  if (journal === undefined) return
  const { signal } = context
  let from = journal.start
  for (;;) {
    const { rows, next, lost } = journal.read(from)
    const notice: LogRow[] =
      lost === 0
        ? []
        : [{ time: now(), domain: untrustedName, kind: "lost", text: `${lost} lines were dropped` }]
    await writeLines(context, [...notice, ...rows])
    from = next
    if (!follow || signal.aborted) return
    if (journal.read(from).rows.length === 0) await journal.changed(signal)
  }
}
