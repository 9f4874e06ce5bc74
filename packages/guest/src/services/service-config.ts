/** Bounds of a service's configuration. */
export const CONFIG_LIMITS = {
  /** Bytes of one file: a handful of settings, whoever wrote them. */
  fileBytes: 16 * 1024,
} as const

/** How one service is run, as its file in rpc-config says. */
export interface ServiceConfig {
  /** For the socket's server: the call's first bytes are not "service+argument source" and NUL. */
  readonly skipServiceDescriptor: boolean
  /** The call ends when the caller has written all, whatever the socket's server still has to say. */
  readonly exitOnClientEof: boolean
  /** The call ends when the socket's server has written all, whatever the caller still has to say. */
  readonly exitOnServiceEof: boolean
  /** Read for the sake of its errors: no domain has a session to wait for. */
  readonly waitForSession: boolean
  /** Whatever the policy says; undefined: as it says. */
  readonly forceUser: string | undefined
}

export const NO_CONFIG: ServiceConfig = {
  skipServiceDescriptor: false,
  exitOnClientEof: false,
  exitOnServiceEof: false,
  waitForSession: false,
  forceUser: undefined,
}

/** A file that does not say clearly how its service is to be run: the service is not run. */
export class BadServiceConfig extends Error {
  override readonly name = "BadServiceConfig"
}

const KEYS = new Map<string, Exclude<keyof ServiceConfig, "forceUser">>([
  ["skip-service-descriptor", "skipServiceDescriptor"],
  ["exit-on-client-eof", "exitOnClientEof"],
  ["exit-on-service-eof", "exitOnServiceEof"],
  ["wait-for-session", "waitForSession"],
])

/**
 * Parses `key = value` lines: the part of TOML that the reference reads. Values are true and false (0 and 1 too for
 * wait-for-session), whole numbers, and texts in single quotes; "#" begins a comment at a line's start and after a
 * value. Keys that are not known are passed over, as the reference does. Throws BadServiceConfig.
 */
export function parseServiceConfig(untrustedText: string): ServiceConfig {
  const config = { ...NO_CONFIG }
  const seen = new Set<string>()
  for (const [index, raw] of untrustedText.split("\n").entries()) {
    const fail = (why: string) => new BadServiceConfig(`line ${index + 1}: ${why}`)
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw
    if (line.includes("\0")) throw fail("it has a NUL")
    if (line.trim() === "" || line.startsWith("#")) continue
    const match = /^([A-Za-z][A-Za-z0-9._-]*)[ \t]*=[ \t]*(.*)$/.exec(line)
    const [, key = "", text = ""] = match ?? []
    if (match === null) throw fail(`expected key = value, found ${quoted(line)}`)
    const value = parseValue(text)
    if (value === undefined) throw fail(`${quoted(text)} is no value`)
    const name = KEYS.get(key)
    if (name === undefined && key !== "force-user") continue
    if (seen.has(key)) throw fail(`${key} is there twice`)
    seen.add(key)
    if (name === undefined) {
      if (typeof value !== "string") throw fail(`${key} wants a name in single quotes`)
      config.forceUser = value
    } else if (typeof value === "boolean") config[name] = value
    else if (name === "waitForSession" && (value === 0 || value === 1)) config[name] = value === 1
    else throw fail(`${key} wants true or false`)
  }
  return config
}

function parseValue(text: string): boolean | number | string | undefined {
  const match = /^(?:(true|false)|(0|[1-9][0-9]{0,14})|'([^']*)')[ \t]*(?:#.*)?$/.exec(text)
  if (match === null) return undefined
  const [, word, digits, name] = match
  if (word !== undefined) return word === "true"
  return digits === undefined ? name : Number(digits)
}

const quoted = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
