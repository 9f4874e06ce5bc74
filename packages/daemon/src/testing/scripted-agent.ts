import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync } from "node:fs"
import type { Duplex } from "node:stream"
import { finished } from "node:stream/promises"
import {
  type CallContext,
  CallFailure,
  Connection,
  type ExecParams,
  exec,
  handler,
  identify,
  mountTree,
  ping,
  service,
  setClock,
  shutdown,
  synchroniseTrees,
  unmountTree,
} from "@skerry/rpc"
import type { Decoded } from "@skerry/wire"

type Context = CallContext<Decoded<typeof exec.up>, Decoded<typeof exec.down>>
type Exit = Decoded<typeof exec.result>["exit"]

/** What one agent was told, in order: "identify mail", "setClock", "exec cat", "cancelled sleep". */
export interface AgentRecord {
  readonly told: string[]
  readonly entropy: string[]
  readonly machineIds: string[]
  readonly clocks: bigint[]
  /** Of the services that ran. */
  readonly callIds: string[]
  /** The agents' ends of their connections, by the names that their domains were given. */
  readonly agents: Map<string, Connection>
  /** How guests answer when a tree is taken from them. */
  unmounts: "at once" | "never"
}

/** An agent without a guest: its commands are functions named like the programs whose part they play. */
export function serveScriptedAgent(
  channel: Duplex,
  record: AgentRecord,
  takeDescriptors: () => readonly number[] | undefined = () => undefined,
): void {
  const connection = new Connection(channel, {
    serve: [
      serviceHandler(record, channel),
      handler(ping, ({ version }) => ({ version, bootId: "" })),
      handler(identify, ({ entropy, hostName, machineId, wallClockNs }) => {
        record.told.push(`identify ${hostName}`)
        record.agents.set(hostName, connection)
        record.entropy.push(Buffer.from(entropy).toString("hex"))
        record.machineIds.push(machineId)
        record.clocks.push(wallClockNs)
        return { bootId: machineId, remarks: [] }
      }),
      handler(setClock, ({ wallClockNs }) => {
        record.told.push("setClock")
        record.clocks.push(wallClockNs)
        return undefined
      }),
      handler(mountTree, ({ port, at, only, access, sharing }) => {
        record.told.push(`mount ${port} ${at} ${access} ${sharing}${only === "" ? "" : ` ${only}`}`)
        if (at === "/srv/refused") throw new CallFailure("no-answer", "not \u001b[31mhere")
        return at === "/srv/never" ? new Promise<undefined>(() => {}) : undefined
      }),
      handler(unmountTree, ({ port }) => {
        record.told.push(`unmount ${port}`)
        return record.unmounts === "never" ? new Promise<undefined>(() => {}) : undefined
      }),
      handler(synchroniseTrees, () => {
        record.told.push("synchronise")
        return undefined
      }),
      handler(shutdown, () => {
        record.told.push("shutdown")
        channel.end()
        return undefined
      }),
      handler(exec, async (params, context) => {
        record.told.push(`exec ${params.argv.join(" ")}`)
        context.signal.addEventListener("abort", () => record.told.push(`cancelled ${params.argv[0]}`))
        context.send({ kind: "started", pid: 42 })
        const descriptors = params.descriptors ? takeDescriptors() : undefined
        return { exit: await (descriptors ? spawnOn(descriptors, params) : play(params, context, channel)) }
      }),
    ],
  })
}

/** Services `test.NAME` play NAME; the argument is its first word. */
const serviceHandler = (record: AgentRecord, channel: Duplex) =>
  handler(service, async (params, context) => {
    const { source, requestedTarget, user, callId, argument } = params
    const name = params.service.replace("test.", "")
    record.told.push(`service ${params.service}+${argument} from ${source}`)
    record.callIds.push(callId)
    context.signal.addEventListener("abort", () => record.told.push(`cancelled ${name}`))
    context.send({ kind: "started", pid: 43 })
    const environment: [string, string][] = Object.entries({ source, requestedTarget, user })
    const command = { argv: [name, argument], environment, workingDirectory: "", terminal: undefined }
    return {
      exit: await play({ ...command, user: "user", descriptors: false }, hearsNothing(context), channel),
    }
  })

/** A service has no events of its caller's. */
const hearsNothing = ({
  signal,
  stdin,
  stdout,
  stderr,
  send,
}: CallContext<undefined, { kind: "started"; pid: number }>): Context => ({
  ...{ signal, stdin, stdout, stderr, send },
  onEvent: () => {},
})

async function play(params: ExecParams, context: Context, channel: Duplex): Promise<Exit> {
  const [name = "", argument = ""] = params.argv
  const ok: Exit = { kind: "code", code: 0 }
  switch (name) {
    case "true":
      return ok
    case "exit":
      return { kind: "code", code: Number(argument) }
    case "cat":
      context.stdin.pipe(context.stdout)
      await finished(context.stdout)
      return ok
    case "both":
      context.stdout.write("to stdout")
      context.stderr.write("to stderr")
      return ok
    case "show":
      context.stdout.write(JSON.stringify(params))
      return ok
    case "yes":
      while (!context.signal.aborted) {
        if (!context.stdout.write("y\n".repeat(8192))) {
          await new Promise<void>((resolve) => {
            context.stdout.once("drain", resolve)
            context.signal.addEventListener("abort", () => resolve(), { once: true })
          })
        }
      }
      return ok
    case "announce-and-sleep":
      context.stdout.write("here\n")
      return play({ ...params, argv: ["sleep"] }, context, channel)
    case "sleep":
      return new Promise((resolve) => {
        context.signal.addEventListener("abort", () => resolve({ kind: "signal", signal: 9 }), { once: true })
        context.onEvent((event) => {
          if (event.kind === "signal") resolve({ kind: "signal", signal: event.number })
          else context.stdout.write(`${event.rows}x${event.columns}\n`)
        })
      })
    case "poweroff":
      channel.end()
      return new Promise(() => {})
    default:
      throw new CallFailure("not-found", `no \u001b[31m${name}`)
  }
}

/** A real command, on real pipes. */
async function spawnOn(
  descriptors: readonly number[],
  { argv: [name = "", ...words] }: ExecParams,
): Promise<Exit> {
  const child = spawn(name, words, { stdio: [...descriptors] })
  for (const descriptor of descriptors) closeSync(descriptor)
  const [code] = (await once(child, "exit")) as [number]
  return { kind: "code", code }
}
