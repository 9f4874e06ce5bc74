import { plainly } from "@skerry/model"

/** Whom a sentence is about. */
export interface Subject {
  /** "everybody": what is told once for all instances. */
  readonly kind:
    | "machine"
    | "everybody"
    | "policy"
    | "instance"
    | "disposables"
    | "application"
    | "resource"
    | "settings"
  /** Of an instance, application or resource. */
  readonly name: string
}

/** One call that the policy lets through, perhaps after asking. */
export interface AllowedCall {
  /** With its argument, where the rules are for that one only. */
  readonly service: string
  /** An instance, `@dispvm:NAME`, `dom0`, or OTHERS. */
  readonly target: string
  readonly verdict: "allow" | "ask"
  /** Who runs it there, where a rule says so. */
  readonly user: string | undefined
}

/**
 * One thing that a configuration says, in plain words. "grave": reaches this machine or weakens a wall; "access": lets
 * somebody reach something; "detail": neither, and told only where it differs.
 */
export interface Access {
  readonly subject: Subject
  /** The same in two configurations: the same thing, perhaps with another value. */
  readonly topic: string
  readonly weight: "grave" | "access" | "detail"
  readonly sentence: string
  /** Where the value is a list: only what came and went is told. */
  readonly items?: readonly string[]
  readonly call?: AllowedCall
}

/** Stands for every instance but the caller's own, where a call may go to all of them. */
export const OTHERS = "@others"

/** Text of a configuration, which may be somebody else's. */
export const named = (text: string): string => `\`${plainly(text)}\``

/** `a`, `b` and `c`: all of them, for what is left out is what somebody would hide. */
export function listed(names: readonly string[]): string {
  const shown = names.map(named)
  const last = shown.pop() ?? "nothing"
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`
}
