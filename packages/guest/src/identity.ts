import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import type { Linux } from "@skerry/linux"
import { CallFailure, type IdentifyParams } from "@skerry/rpc"

const BOOT_ID = "/proc/sys/kernel/random/boot_id"
const OWN_BOOT_ID_DIRECTORY = "/run/skerry"
const OWN_BOOT_ID = `${OWN_BOOT_ID_DIRECTORY}/boot_id`
const RANDOM_UUID = "/proc/sys/kernel/random/uuid"
const UUID_LINE_BYTES = 37
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
 * For a kernel of its own. All that has to be opened or mounted is so at once, which is in the template; identify()
 * then only writes. The order matters: random numbers first, because the new boot id is drawn from them, and the clock
 * before files are written. Fails with "identity-failed" and then stays unidentified.
 */
export function machineIdentities(linux: Linux): () => Identities {
  const random = openSync("/dev/urandom", "w")
  const uuid = openSync(RANDOM_UUID, "r")
  const machineId = openSync(MACHINE_ID, "w", 0o444)
  const bootId = openOwnBootId(linux)
  const uuidLine = Buffer.alloc(UUID_LINE_BYTES)
  return () => {
    let current = readBootId()
    let isIdentified = false
    return {
      get isIdentified() {
        return isIdentified
      },
      identify(params) {
        try {
          // The kernel's generator is the clone's copy of the template's until it has both: new entropy, and a new
          // key from it.
          linux.addEntropy(random, params.entropy)
          linux.reseedRandom(random)
          linux.setWallClock(params.wallClockNs)
          linux.setHostName(params.hostName)
          linux.writeAt(machineId, Buffer.from(`${params.machineId}\n`), 0)
          // A fresh random UUID of the kernel at every read.
          linux.readAt(uuid, uuidLine, 0)
          linux.writeAt(bootId, uuidLine, 0)
          current = uuidLine.toString("latin1", 0, UUID_LINE_BYTES - 1)
        } catch (cause) {
          const why = cause instanceof Error ? cause.message : String(cause)
          throw new CallFailure("identity-failed", `Cannot make this domain one of its own: ${why}`, {
            cause,
          })
        }
        isIdentified = true
        return { bootId: current, remarks: [] }
      },
      setClock: (wallClockNs) => linux.setWallClock(wallClockNs),
      bootId: () => current,
    }
  }
}

/** The kernel keeps its boot id for good: a file with another one is put in its place. */
function openOwnBootId(linux: Linux): number {
  mkdirSync(OWN_BOOT_ID_DIRECTORY, { recursive: true })
  const fd = openSync(OWN_BOOT_ID, "w", 0o444)
  writeSync(fd, readFileSync(BOOT_ID))
  linux.bindMount(OWN_BOOT_ID, BOOT_ID)
  return fd
}

/** At level `process`: kernel, clock and boot id are the host's, and right already. The rest is done if it can be. */
export function sharedIdentities(linux: Linux, root: string): Identities {
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
      attempt("machine-id", () => writeFileSync(`${root}${MACHINE_ID}`, `${params.machineId}\n`))
      return { bootId: readBootId(), remarks }
    },
    setClock: () => {},
    bootId: readBootId,
  }
}
