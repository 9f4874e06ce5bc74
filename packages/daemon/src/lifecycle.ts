import type { DomainExit } from "@skerry/isolation"
import { unreachable } from "@skerry/model"
import { DAEMON_LIMITS } from "./limits.ts"
import { TREE_LIMITS } from "./trees/limits.ts"

/*
 *             admitted             prepared            started               identified
 *   queued ────────────▶ preparing ────────▶ starting ────────▶ identifying ────────────▶ running ◀─┐
 *                                                             mustMount │                ▲  │       │
 *                                                                       ▼      mounted   │  │       │ resumed
 *                                                                    mounting ───────────┘  │       │
 *                                                                     pauseRequested        ▼       │
 *                                                                 paused ◀──────────── pausing   resuming
 *                                                                   │         paused                ▲
 *                                                                   └───────────────────────────────┘
 *   from every state:   ──▶ stopping ──▶ ended                              resumeRequested
 *   running ── settleRequested ──▶ settling ── settled ──▶ stopping
 *
 *   queued       waits for a place among the starts that may go on at once
 *   preparing    its template is being made or loaded; others may be waiting for the same one
 *   starting     the backend is making the domain, or one is being taken from the standby pool
 *   identifying  the agent has been sent entropy, time and names, and nothing else before it answers
 *   mounting     it has directories, and they are being put where they are wanted; no command runs before they are there
 *   running      commands may be run
 *   settling     it is to end, and writes to its directories first what it still holds
 *   pausing      the processors are being stopped
 *   paused       nothing runs; commands are refused
 *   resuming     processors run again, the agent is being told the time
 *   stopping     the domain was asked to end, or a start is being given up; ends when the domain has
 *   ended        every host resource was released; `how` says why
 *
 *   Time and exits arrive as events. One deadline at a time; leaving the state that set it clears it.
 */

export type Ending =
  | { readonly kind: "stopped" }
  | { readonly kind: "powered-off" }
  | { readonly kind: "failed"; readonly message: string }

/** Why a domain is being stopped, and so what its end is reported as. */
export type StopReason = { readonly kind: "asked" } | { readonly kind: "fault"; readonly message: string }

export type State =
  | { readonly kind: "queued" }
  | { readonly kind: "preparing" }
  | { readonly kind: "starting" }
  | { readonly kind: "identifying" }
  | { readonly kind: "mounting" }
  | { readonly kind: "running" }
  | { readonly kind: "settling" }
  | { readonly kind: "pausing" }
  | { readonly kind: "paused" }
  | { readonly kind: "resuming" }
  | { readonly kind: "stopping"; readonly why: StopReason }
  | { readonly kind: "ended"; readonly how: Ending }

export type Event =
  | { readonly kind: "admitted" }
  | { readonly kind: "prepared" }
  | { readonly kind: "started" }
  | { readonly kind: "identified" }
  /** Identified, and it has directories that come first. */
  | { readonly kind: "mustMount" }
  | { readonly kind: "mounted" }
  | { readonly kind: "pauseRequested" }
  | { readonly kind: "paused" }
  | { readonly kind: "resumeRequested" }
  | { readonly kind: "resumed" }
  | { readonly kind: "clockJumped" }
  | { readonly kind: "stopRequested"; readonly force: boolean }
  /** As stopRequested, of a domain that may still hold what belongs into its directories. */
  | { readonly kind: "settleRequested" }
  /** Or it could not: either way it ends now. */
  | { readonly kind: "settled" }
  /** The one command of a disposable has ended: nothing in it is worth waiting for. */
  | { readonly kind: "finished" }
  /** The last effect that was asked for could not be carried out. */
  | { readonly kind: "failed"; readonly message: string }
  /** The agent broke the protocol. */
  | { readonly kind: "agentBroke"; readonly message: string }
  /** The agent's connection closed: the domain may just be ending. */
  | { readonly kind: "agentLost" }
  | { readonly kind: "deadline" }
  | { readonly kind: "exited"; readonly exit: DomainExit }

export type Effect =
  | { readonly kind: "requestPlace" } // answered by admitted or failed
  | { readonly kind: "prepare" } // prepared or failed
  | { readonly kind: "start" } // started or failed
  | { readonly kind: "giveUpStart" } // the request above it is aborted, and answers all the same
  | { readonly kind: "identify" } // identified, mustMount or failed
  | { readonly kind: "mount" } // mounted or failed
  | { readonly kind: "settle" } // settled
  | { readonly kind: "leaveStarts" } // the place among the starts is free; the one among the domains is kept
  | { readonly kind: "pause" } // paused or failed
  | { readonly kind: "resume" } // resumed (time told as well) or failed
  | { readonly kind: "setClock" }
  | { readonly kind: "shutDown" } // the guest is asked to end itself
  | { readonly kind: "kill" } // exited
  | { readonly kind: "setDeadline"; readonly ms: number }
  | { readonly kind: "clearDeadline" }
  | { readonly kind: "releasePlace" }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

export const INITIAL: Step = { state: { kind: "queued" }, effects: [{ kind: "requestPlace" }] }

const KILL: Effect = { kind: "kill" }
const CLEAR: Effect = { kind: "clearDeadline" }
const RELEASE: Effect = { kind: "releasePlace" }
const deadline = (ms: number): Effect => ({ kind: "setDeadline", ms })

const to = (state: State, ...effects: Effect[]): Step => ({ state, effects })
const ended = (how: Ending): Step => to({ kind: "ended", how }, CLEAR, RELEASE)
const failed = (message: string): Step => ended({ kind: "failed", message })
const fault = (message: string): Step =>
  to({ kind: "stopping", why: { kind: "fault", message } }, CLEAR, KILL)
const asked: State = { kind: "stopping", why: { kind: "asked" } }
const MOUNT: Step = to({ kind: "mounting" }, deadline(TREE_LIMITS.mountMs), { kind: "mount" })
const SETTLE: Step = to({ kind: "settling" }, deadline(TREE_LIMITS.settleMs), { kind: "settle" })
const SHUT_DOWN: Step = to(asked, { kind: "shutDown" }, deadline(DAEMON_LIMITS.stopGraceMs))

/** Events that say nothing in the state at hand (an answer that came too late) leave it as it is. */
export function step(state: State, event: Event): Step {
  switch (state.kind) {
    case "queued":
    case "preparing":
    case "starting":
      return stepBeforeDomain(state, event)
    case "identifying":
    case "mounting":
    case "running":
    case "settling":
    case "pausing":
    case "paused":
    case "resuming":
      return stepWithDomain(state, event)
    case "stopping":
      return stepStopping(state, event)
    case "ended":
      // Admitted just as it was given up: the place must not be lost.
      return event.kind === "admitted" ? to(state, RELEASE) : to(state)
    default:
      return unreachable(state)
  }
}

function stepBeforeDomain(state: State, event: Event): Step {
  switch (event.kind) {
    case "admitted":
      return state.kind === "queued" ? to({ kind: "preparing" }, { kind: "prepare" }) : to(state)
    case "prepared":
      return state.kind === "preparing" ? to({ kind: "starting" }, { kind: "start" }) : to(state)
    case "started":
      return state.kind === "starting"
        ? to({ kind: "identifying" }, deadline(DAEMON_LIMITS.identifyMs), { kind: "identify" })
        : to(state)
    case "failed":
      return failed(event.message)
    case "stopRequested":
    case "settleRequested":
    case "finished":
      return to(asked, { kind: "giveUpStart" })
    default:
      return to(state)
  }
}

function stepWithDomain(state: State, event: Event): Step {
  switch (event.kind) {
    case "exited":
      return ended(endingOf(event.exit))
    case "agentBroke":
      return fault(`its agent broke the protocol: ${event.message}`)
    case "agentLost":
      return to(
        { kind: "stopping", why: { kind: "fault", message: "the connection to its agent was lost" } },
        CLEAR,
        deadline(DAEMON_LIMITS.lostAgentMs),
      )
    case "failed":
      return fault(event.message)
    case "finished":
      return to(asked, CLEAR, KILL)
    case "stopRequested":
      if (state.kind === "settling" && !event.force) return to(state)
      return state.kind === "running" && !event.force ? SHUT_DOWN : to(asked, CLEAR, KILL)
    case "settleRequested":
      if (state.kind === "settling") return to(state)
      return state.kind === "running" ? SETTLE : to(asked, CLEAR, KILL)
    case "settled":
      return state.kind === "settling" ? SHUT_DOWN : to(state)
    case "deadline":
      return stepDeadline(state)
    case "identified":
      return state.kind === "identifying"
        ? to({ kind: "running" }, CLEAR, { kind: "leaveStarts" })
        : to(state)
    case "mustMount":
      return state.kind === "identifying" ? MOUNT : to(state)
    case "mounted":
      return state.kind === "mounting" ? to({ kind: "running" }, CLEAR, { kind: "leaveStarts" }) : to(state)
    case "pauseRequested":
      return state.kind === "running" ? to({ kind: "pausing" }, { kind: "pause" }) : to(state)
    case "paused":
      return state.kind === "pausing" ? to({ kind: "paused" }) : to(state)
    case "resumeRequested":
      return state.kind === "paused"
        ? to({ kind: "resuming" }, deadline(DAEMON_LIMITS.resumeMs), { kind: "resume" })
        : to(state)
    case "resumed":
      return state.kind === "resuming" ? to({ kind: "running" }, CLEAR) : to(state)
    case "clockJumped":
      // Paused and resuming ones are told the time when they go on.
      return state.kind === "running" ? to(state, { kind: "setClock" }) : to(state)
    case "admitted":
    case "prepared":
    case "started":
      return to(state)
    default:
      return unreachable(event)
  }
}

function stepDeadline(state: State): Step {
  if (state.kind === "identifying") {
    return fault(`its agent did not answer within ${DAEMON_LIMITS.identifyMs / 1000} s`)
  }
  if (state.kind === "mounting") {
    return fault(`its directories were not there within ${TREE_LIMITS.mountMs / 1000} s`)
  }
  if (state.kind === "settling") return SHUT_DOWN
  if (state.kind === "resuming") {
    return fault(`its agent did not answer within ${DAEMON_LIMITS.resumeMs / 1000} s of being resumed`)
  }
  return to(state)
}

function stepStopping(state: Extract<State, { kind: "stopping" }>, event: Event): Step {
  switch (event.kind) {
    case "started": // the start could not be given up in time
    case "deadline":
    case "finished":
    case "agentBroke":
      return to(state, KILL)
    case "stopRequested":
      return event.force ? to(state, KILL) : to(state)
    case "exited":
      return ended(endingAfterStop(state.why, event.exit))
    case "admitted": // places and templates of a start that was given up
    case "prepared":
    case "failed":
      return ended(
        state.why.kind === "asked" ? { kind: "stopped" } : { kind: "failed", message: state.why.message },
      )
    default:
      return to(state)
  }
}

function endingOf(exit: DomainExit): Ending {
  switch (exit.kind) {
    case "stopped":
      return { kind: "stopped" }
    case "powered-off":
      return { kind: "powered-off" }
    case "killed":
      return {
        kind: "failed",
        message: `its process was killed (${exit.signal}), by someone or by a memory limit`,
      }
    case "failed":
      return { kind: "failed", message: exit.message }
    default:
      return unreachable(exit)
  }
}

function endingAfterStop(why: StopReason, exit: DomainExit): Ending {
  if (why.kind === "asked") return { kind: "stopped" }
  // The domain's own end explains a lost agent better than the loss does; "stopped" is our kill.
  return exit.kind === "stopped" ? { kind: "failed", message: why.message } : endingOf(exit)
}

/** For the log. */
export function describeEnding(how: Ending): string {
  switch (how.kind) {
    case "stopped":
      return "ended: stopped"
    case "powered-off":
      return "ended: powered itself off"
    case "failed":
      return `failed: ${how.message}`
    default:
      return unreachable(how)
  }
}
