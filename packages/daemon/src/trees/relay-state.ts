import { printable } from "@skerry/model"
import {
  type AuditFields,
  bareHandler,
  type CallState,
  encodeFailure,
  Fail,
  type Handler,
  type Handlers,
  type Method,
  relay,
  STATE_METHODS,
} from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import type { AuditLog } from "../audit/audit-log.ts"
import { messageOf } from "../errors.ts"
import type { StateStore } from "./state-store.ts"

export interface RelayParts {
  readonly store: StateStore
  readonly audit: Pick<AuditLog, "append">
}

/** Asked whether the store is open or not: everything else opens it first. */
const BEFORE_OPEN = new Set<string>(["stateStatus", "stateUnlock", "stateSetKey"])

/** Nothing of the store changes by these, so nothing is recorded. */
const READING = new Set<string>([
  "stateStatus",
  "stateTrees",
  "stateLog",
  "stateShow",
  "stateDiff",
  "stateVerify",
  "stateDu",
  "stateObjects",
  "statePutObjects",
  "stateExport",
])

/** What clients may ask of the state store: passed on to its server as it is, and its answers checked on the way back. */
export function stateHandlers(parts: RelayParts): Handlers {
  return Object.values(STATE_METHODS).map((method) =>
    relayed(parts, method as Method<unknown, unknown, unknown, unknown>),
  )
}

const relayed = (parts: RelayParts, method: Method<unknown, unknown, unknown, unknown>): Handler =>
  bareHandler(method, (params, state) => {
    const passing = new Passing(parts, method, params, state)
    void passing.start()
  })

/** One call on its way to the server. */
class Passing {
  readonly #parts: RelayParts
  readonly #method: Method<unknown, unknown, unknown, unknown>
  readonly #params: unknown
  readonly #state: CallState
  #isOver = false
  /** The store took no key, because it had one. */
  #wasOpen = false

  constructor(
    parts: RelayParts,
    method: Method<unknown, unknown, unknown, unknown>,
    params: unknown,
    state: CallState,
  ) {
    this.#parts = parts
    this.#method = method
    this.#params = params
    this.#state = state
    state.listen({
      onEvent: () => {},
      onCancel: () => this.#fail("cancelled", "The caller gave up"),
      onEnd: () => {},
    })
  }

  async start(): Promise<void> {
    const { store } = this.#parts
    const method = this.#method
    try {
      const server = await (BEFORE_OPEN.has(method.name) ? store.supervisor.server() : store.open())
      if (method.name === "stateUnlock") this.#wasOpen = await store.isOpen(server)
      if (this.#isOver) return
      const change = keyChange(method.name, this.#params)
      if (change !== undefined) store.key.prepareChange(change)
      const to = server.control.openCall(method, this.#params)
      relay(this.#state, to, {
        onEvent: (untrustedBytes) => encode(method.down, decode(method.down, untrustedBytes)),
        onEnd: (type, untrustedBytes) => {
          if (type === "return") {
            const payload = encode(method.result, decode(method.result, untrustedBytes))
            this.#done()
            return { type, payload }
          }
          const { code, message } = decode(Fail, untrustedBytes)
          if (change !== undefined) store.key.notChanged()
          this.#record(code)
          return { type, payload: encodeFailure(code, printable(forPeople(code, message))) }
        },
        onOver: () => {},
        bytesLast: true,
      })
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "internal"
      this.#fail(code, forPeople(code, messageOf(error)))
    }
  }

  #done(): void {
    const { key } = this.#parts.store
    const { name } = this.#method
    if (name === "stateUnlock" && !this.#wasOpen) key.hold((this.#params as UnlockParams).key)
    const change = keyChange(name, this.#params)
    if (change !== undefined) key.changed(change)
    this.#record("0")
  }

  #record(exit: string): void {
    const { name } = this.#method
    const params = (this.#params ?? {}) as { readonly tree?: string; readonly dryRun?: boolean }
    if (READING.has(name) || params.dryRun === true) return
    const fields: AuditFields = { kind: "state", service: name, exit }
    this.#parts.audit.append(params.tree === undefined ? fields : { ...fields, target: params.tree })
  }

  #fail(code: string, message: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#state.finish("fail", encodeFailure(code, message))
  }
}

/** What failed is the server's connection, of which who asked knows nothing. */
const forPeople = (code: string, message: string): string =>
  code === "connection-closed"
    ? `The file server of the state store ended meanwhile: try again; "skerry daemon --log" says why it did (${message})`
    : message

type UnlockParams = Parameters<typeof STATE_METHODS.stateUnlock.params.encode>[1]
type SetKeyParams = Parameters<typeof STATE_METHODS.stateSetKey.params.encode>[1]

const keyChange = (name: string, params: unknown) =>
  name === "stateSetKey" ? (params as SetKeyParams).next : undefined
