declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

export type InstanceName = Brand<string, "InstanceName">
export type ApplicationName = Brand<string, "ApplicationName">
export type ResourceName = Brand<string, "ResourceName">
/** Of a tree in the state store. */
export type TreeName = Brand<string, "TreeName">
/** `mail`, or for a disposable `mail-x7k2q9`: unique among the domains of one daemon. */
export type DomainId = Brand<string, "DomainId">
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = Brand<string, "Digest">

/** A name or digest that cannot be used; `message` says why. */
export class InvalidName extends Error {
  override readonly name = "InvalidName"
}

const NAME = /^[a-z][a-z0-9-]{0,30}$/

/**
 * Fit the pattern, and cannot be: "constructor" is a member of every object, so that a lookup by name would find it
 * where nothing was put; "dom0" is the host in rules of the policy.
 */
const RESERVED: readonly string[] = ["constructor", "dom0"]

function parseName<T extends string>(untrustedName: string, what: string): T {
  if (!NAME.test(untrustedName) || RESERVED.includes(untrustedName)) {
    const shown = JSON.stringify(untrustedName.length > 64 ? `${untrustedName.slice(0, 64)}…` : untrustedName)
    throw new InvalidName(
      `Cannot use ${shown} as ${what} name: a name has 1 to 31 characters of a–z, 0–9 and "-", starts with a letter, and is not ${RESERVED.map((name) => `"${name}"`).join(" or ")}`,
    )
  }
  return untrustedName as T
}

/** 1–31 bytes of a–z, 0–9 and "-", starting with a letter. Throws InvalidName. */
export const parseInstanceName = (untrustedName: string): InstanceName =>
  parseName(untrustedName, "an instance")
/** As for an instance. Throws InvalidName. */
export const parseApplicationName = (untrustedName: string): ApplicationName =>
  parseName(untrustedName, "an application")
/** As for an instance. Throws InvalidName. */
export const parseResourceName = (untrustedName: string): ResourceName =>
  parseName(untrustedName, "a resource")

/** As for an instance. Throws InvalidName. */
export const parseTreeName = (untrustedName: string): TreeName => parseName(untrustedName, "a tree")

/** An instance's name, for a disposable followed by "-" and a short random part. Throws InvalidName. */
export function parseDomainId(untrustedId: string): DomainId {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(untrustedId)) {
    throw new InvalidName(`Cannot use ${JSON.stringify(untrustedId.slice(0, 64))} as a domain id`)
  }
  return untrustedId as DomainId
}

/** Throws InvalidName. */
export function parseDigest(untrustedDigest: string): Digest {
  if (!/^sha256:[0-9a-f]{64}$/.test(untrustedDigest)) {
    throw new InvalidName(
      `Cannot use ${JSON.stringify(untrustedDigest.slice(0, 80))} as a digest: expected sha256:<64 hex digits>`,
    )
  }
  return untrustedDigest as Digest
}
