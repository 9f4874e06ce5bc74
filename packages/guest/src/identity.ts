import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs"
import type { Linux } from "@skerry/linux"
import { CallFailure, type IdentifyParams } from "@skerry/rpc"

const BOOT_ID = "/proc/sys/kernel/random/boot_id"
const OWN_BOOT_ID_DIRECTORY = "/run/skerry"
const OWN_BOOT_ID = `${OWN_BOOT_ID_DIRECTORY}/boot_id`
const MACHINE_ID = "/etc/machine-id"

export interface Identity {
  readonly bootId: string
  readonly remarks: string[]
}

/** Who this domain is: what a clone has to be given before anything else runs in it. */
export interface Identities {
  /** Nothing that could draw a secret may run before. */
  readonly isIdentified: boolean
  identify(params: IdentifyParams): Identity
  setClock(wallClockNs: bigint): void
  bootId(): string
}

const readBootId = () => readFileSync(BOOT_ID, "utf8").trim()

/**
 * For a kernel of its own. The order matters: random numbers first, because the new boot id is drawn from them, and
 * the clock before files are written. Fails with "identity-failed" and then stays unidentified.
 */
export function machineIdentities(linux: Linux): Identities {
  let isIdentified = false
  let ownsBootId = false
  return {
    get isIdentified() {
      return isIdentified
    },
    identify(params) {
      try {
        mixEntropy(linux, params.entropy)
        linux.setWallClock(params.wallClockNs)
        linux.setHostName(params.hostName)
        writeFileSync(MACHINE_ID, `${params.machineId}\n`, { mode: 0o444 })
        renewBootId()
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        throw new CallFailure("identity-failed", `Cannot make this domain one of its own: ${why}`, { cause })
      }
      isIdentified = true
      return { bootId: readBootId(), remarks: [] }
    },
    setClock: (wallClockNs) => linux.setWallClock(wallClockNs),
    bootId: readBootId,
  }

  /** The kernel keeps its boot id for good: a file with another one is put in its place. */
  function renewBootId(): void {
    mkdirSync(OWN_BOOT_ID_DIRECTORY, { recursive: true })
    // A fresh random UUID of the kernel at every read.
    writeFileSync(OWN_BOOT_ID, readFileSync("/proc/sys/kernel/random/uuid"))
    if (!ownsBootId) linux.bindMount(OWN_BOOT_ID, BOOT_ID)
    ownsBootId = true
  }
}

/** The kernel's generator is the clone's copy of the template's until it has both: new entropy, and a new key from it. */
function mixEntropy(linux: Linux, entropy: Uint8Array): void {
  const random = openSync("/dev/urandom", "w")
  try {
    linux.addEntropy(random, entropy)
    linux.reseedRandom(random)
  } finally {
    closeSync(random)
  }
}

/** At level `process`: kernel, clock and boot id are the host's, and right already. The rest is done if it can be. */
export function sharedIdentities(linux: Linux): Identities {
  return {
    isIdentified: true,
    identify(params) {
      const remarks: string[] = []
      const attempt = (what: string, step: () => void) => {
        try {
          step()
        } catch (error) {
          remarks.push(`${what}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 200))
        }
      }
      attempt("host name", () => linux.setHostName(params.hostName))
      attempt("machine-id", () => writeFileSync(MACHINE_ID, `${params.machineId}\n`))
      return { bootId: readBootId(), remarks }
    },
    setClock: () => {},
    bootId: readBootId,
  }
}
