import type { Report } from "./problem.ts"

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

/**
 * The shape of one value, said once: checking it, filling in what was left out, its JSON Schema and its
 * TypeScript type all follow. `In` is what a person writes, `Out` is complete.
 */
export interface Schema<In, Out> {
  /** Only for the compiler: carries `In`. */
  readonly written?: In
  /** The complete value; undefined after reporting what is wrong with it. */
  parse(untrustedValue: unknown, path: string, report: Report): Out | undefined
  /** Draft 2020-12. */
  readonly jsonSchema: Json
  /** The written form as a TypeScript type, in lines to be indented by whoever embeds it. */
  readonly typeText: string
}

// biome-ignore lint/suspicious/noExplicitAny: no narrower bound admits every schema
export type AnySchema = Schema<any, any>
export type Written<S> = S extends Schema<infer In, unknown> ? In : never
export type Complete<S> = S extends Schema<unknown, infer Out> ? Out : never

/** A plain object, or undefined. Its keys may be anything, `__proto__` too: read them with Object.keys. */
export function asObject(untrustedValue: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof untrustedValue === "object" && untrustedValue !== null && !Array.isArray(untrustedValue)
    ? (untrustedValue as Readonly<Record<string, unknown>>)
    : undefined
}

/** The value of an own member; never one of Object.prototype. */
export function ownMember(untrustedObject: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(untrustedObject, key) ? untrustedObject[key] : undefined
}
