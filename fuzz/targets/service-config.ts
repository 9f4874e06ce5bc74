import assert from "node:assert/strict"
import { BadServiceConfig, parseServiceConfig } from "@skerry/guest"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

const LINES = [
  "# comment",
  "",
  "wait-for-session = 1",
  "skip-service-descriptor=true",
  "exit-on-client-eof\t= false # why",
  "exit-on-service-eof = true\r",
  "force-user = 'root'",
  'force-user = "root"',
  "constructor = true",
  "__proto__ = 'x'",
  "other = 999999999999999",
] as const

/** A file is parsed to settings of the right types, or refused; what is refused names its line. */
export const serviceConfig: FuzzTarget = {
  name: "service-config",
  generate(prng: Prng) {
    const lines = Array.from({ length: prng.below(6) }, () => prng.pick(LINES))
    const bytes = Buffer.from(lines.join("\n"))
    return prng.chance(2) ? bytes : mutate(prng, bytes)
  },
  check(untrustedInput) {
    const text = Buffer.from(untrustedInput).toString("utf8")
    try {
      const { forceUser, ...switches } = parseServiceConfig(text)
      assert.ok(forceUser === undefined || (!forceUser.includes("'") && text.includes(`'${forceUser}'`)))
      for (const value of Object.values(switches)) assert.equal(typeof value, "boolean")
      assert.equal(Object.keys(switches).length, 4)
    } catch (error) {
      if (!(error instanceof BadServiceConfig)) throw error
      assert.match(error.message, /^line [0-9]+: /)
    }
  },
}
