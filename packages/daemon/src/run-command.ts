import { pipeline } from "node:stream/promises"
import { printable } from "@skerry/model"
import {
  type AdminErrorCode,
  type CallContext,
  type CommandDown,
  type CommandResult,
  type CommandSpec,
  type CommandUp,
  type ExecParams,
  RemoteError,
  RpcError,
} from "@skerry/rpc"
import type { CommandCall } from "./agent.ts"
import type { DescriptorDesk, HandedOver } from "./descriptor-desk.ts"
import type { DomainDriver } from "./domain-driver.ts"
import { DaemonError, messageOf } from "./errors.ts"
import type { Ending } from "./lifecycle.ts"
import { DAEMON_LIMITS } from "./limits.ts"

/** Descriptors of commands have one label: they are taken in the order of their calls. */
const COMMAND_LABEL = 0

export type CommandContext = CallContext<CommandUp, CommandDown>

/** What the client sends while its command runs; made before the first await of a handler, so that nothing is lost. */
export class ClientEvents {
  readonly #descriptors = Promise.withResolvers<"sent" | "refused">()
  #call: CommandCall | undefined
  #size: { rows: number; columns: number } | undefined

  constructor(context: CommandContext) {
    context.onEvent((event) => this.#on(event))
  }

  get descriptors(): Promise<"sent" | "refused"> {
    return this.#descriptors.promise
  }

  /** The terminal's latest size, if it changed while the domain started. */
  get size(): { rows: number; columns: number } | undefined {
    return this.#size
  }

  attach(call: CommandCall): void {
    this.#call = call
  }

  #on(event: CommandUp): void {
    switch (event.kind) {
      case "signal":
        // Before the command runs the client gives its call up instead.
        this.#call?.send({ kind: "signal", number: event.signal })
        return
      case "resize":
        this.#size = { rows: event.rows, columns: event.columns }
        this.#call?.send(event)
        return
      case "descriptorsSent":
        this.#descriptors.resolve("sent")
        return
      case "descriptorsRefused":
        this.#descriptors.resolve("refused")
        return
    }
  }
}

/**
 * Runs one command in a domain that is ready; the client's streams are joined to the command's, at the reader's pace.
 * The pipes stay the caller's.
 */
export async function runCommand(
  driver: DomainDriver,
  spec: CommandSpec,
  context: CommandContext,
  events: ClientEvents,
  pipes: Promise<HandedOver | undefined>,
): Promise<CommandResult> {
  if (driver.commands.size >= DAEMON_LIMITS.commandsPerDomain) {
    throw new DaemonError(
      "full",
      `${driver.commands.size} commands run in "${driver.plan.id}" already, as many as may: try again when one has ended`,
    )
  }
  // It was reachable a moment ago: what kept it from running is the answer.
  if (driver.hasNotStarted) await driver.ready
  const descriptors = await pipes
  const params = execParams(driver, spec, events, descriptors !== undefined)
  return await carry(driver, params, context, events, descriptors?.fds)
}

/**
 * The client's pipes, where it offers them and the domain can take them: asked for while the domain starts, but not
 * before its turn has come, since each takes three of the daemon's descriptors. The caller owns what it resolves to.
 */
export async function handOverPipes(
  driver: DomainDriver,
  spec: CommandSpec,
  context: CommandContext,
  events: ClientEvents,
  desk: DescriptorDesk,
): Promise<HandedOver | undefined> {
  const { descriptors } = driver.plan.mould.backend.features
  if (!spec.offersDescriptors || spec.terminal !== undefined || !descriptors) return undefined
  const { kind } = await driver.reaches("starting", "identifying", "running", "pausing", "paused", "stopping")
  // What keeps a command from running is told by whoever waits for that.
  if (!["starting", "identifying", "running"].includes(kind)) return undefined
  return await receiveDescriptors(context, events, desk)
}

async function receiveDescriptors(context: CommandContext, events: ClientEvents, desk: DescriptorDesk) {
  using expected = desk.expect()
  context.send({ kind: "descriptorsWanted", token: expected.token })
  const late = AbortSignal.timeout(DAEMON_LIMITS.descriptorsMs)
  try {
    // Awaited here: the desk expects them until this scope ends.
    return await expected.receive(events.descriptors, AbortSignal.any([context.signal, late]))
  } catch (error) {
    if (error !== late.reason) throw error
    const message = `The client did not hand its pipes over within ${DAEMON_LIMITS.descriptorsMs / 1000} s: try again`
    throw new DaemonError("bad-request", message, { cause: error })
  }
}

function execParams(
  { plan: { application } }: DomainDriver,
  spec: CommandSpec,
  events: ClientEvents,
  descriptors: boolean,
): ExecParams {
  const variables = new Map(Object.entries(application.environment))
  for (const { name, value } of spec.environment) variables.set(name, value)
  return {
    argv: spec.argv.length > 0 ? spec.argv : [...application.command],
    environment: [...variables],
    workingDirectory: spec.workingDirectory ?? application.workingDirectory,
    user: spec.user ?? application.user,
    terminal: spec.terminal && { ...spec.terminal, ...events.size },
    descriptors,
  }
}

async function carry(
  driver: DomainDriver,
  params: ExecParams,
  context: CommandContext,
  events: ClientEvents,
  descriptors: readonly number[] | undefined,
): Promise<CommandResult> {
  const { id } = driver.plan
  const agent = driver.agentForCommand()
  const unsendable = new AbortController()
  const signal = AbortSignal.any([context.signal, unsendable.signal])
  const onStarted = (pid: number) => {
    command.pid = pid
    context.send({ kind: "started", domain: id, pid })
  }
  const call = startCall(() => agent.exec(params, onStarted, signal))
  const command = driver.track(call, params.argv)
  try {
    // The agent pairs descriptors and calls by their order. The call leaves at the end of this turn at the earliest:
    // params that cannot be sent have thrown by now, and descriptors that cannot be take their call with them.
    if (descriptors !== undefined) driver.domain?.sendDescriptors?.(descriptors, COMMAND_LABEL)
  } catch (error) {
    unsendable.abort(error)
    throw new DaemonError("domain-failed", `Cannot hand pipes to "${id}": ${messageOf(error)}; try again`, {
      cause: error,
    })
  }
  events.attach(call)
  // The input of a command that ends before it has read all of it is cut short: that is no fault.
  void pipeline(context.stdin, call.stdin).catch(() => {})
  const output = [pipeline(call.stdout, context.stdout), pipeline(call.stderr, context.stderr)]
  // Should the call fail, its failure is the one to report.
  for (const each of output) each.catch(() => {})
  try {
    const result = await call.result
    await Promise.all(output)
    return result
  } catch (error) {
    // The client is gone, and with it whoever could be told.
    if (context.signal.aborted) throw error
    throw await explain(driver, error, params)
  }
}

function startCall(start: () => CommandCall): CommandCall {
  try {
    return start()
  } catch (error) {
    if (error instanceof RangeError) throw new DaemonError("bad-request", error.message, { cause: error })
    throw error
  }
}

const EXEC_FAILURES: Readonly<Record<string, AdminErrorCode>> = {
  "not-found": "command-not-found",
  "not-executable": "command-not-executable",
  "bad-directory": "bad-request",
  "not-permitted": "bad-request",
  "too-many-commands": "full",
}

async function explain(driver: DomainDriver, error: unknown, params: ExecParams): Promise<unknown> {
  const { id } = driver.plan
  const isCutOff = error instanceof RpcError && error.code === "connection-closed"
  if (isCutOff || (error instanceof RemoteError && error.code === "not-identified")) {
    const how = await driver.ended
    // The command was sent ahead, and it was the start that failed.
    if (driver.runningSince === undefined) return driver.ready.catch((why: unknown) => why)
    return new DaemonError("domain-failed", `The command in "${id}" was cut off: ${ending(how)}`, {
      cause: error,
    })
  }
  if (error instanceof RemoteError) {
    // Both come from the guest.
    const code = EXEC_FAILURES[error.code] ?? "domain-failed"
    return new DaemonError(
      code,
      `Cannot run ${JSON.stringify(params.argv[0])} in "${id}": ${printable(error.message)}`,
    )
  }
  return error
}

function ending(how: Ending): string {
  switch (how.kind) {
    case "stopped":
      return "the domain was stopped"
    case "powered-off":
      return "the domain powered itself off"
    case "failed":
      return `the domain failed: ${how.message}; "skerry logs" shows what it printed`
  }
}
