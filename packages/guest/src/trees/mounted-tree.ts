import { closeSync } from "node:fs"
import type { Linux } from "@skerry/linux"
import type { Loop } from "@skerry/loop"
import { CallFailure, type mountTree } from "@skerry/rpc"
import type { Decoded } from "@skerry/wire"
import { TREE } from "./limits.ts"
import { MOUNT, MOUNT_STATUS, UNMOUNT } from "./mount-script.ts"
import { Pump } from "./pump.ts"
import { runScript, type ScriptEnd } from "./run-script.ts"
import { openPort } from "./tree-port.ts"

export interface TreesHost {
  readonly loop: Loop
  readonly linux: Linux
  /** Who made directories belong to, as chown has it. */
  readonly owner: string
}

type MountRequest = Decoded<typeof mountTree.params>

/** Where trees are mounted of which only one file appears. */
const HIDDEN = "/run/skerry/trees"

/** One tree from its mounting to its end: a mount of v9fs, the pump behind it, and the port that this has at the time. */
export class MountedTree {
  readonly #host: TreesHost
  readonly #request: MountRequest
  #pump: Pump | undefined
  #stopWaiting = () => {}
  #isGone = false

  constructor(host: TreesHost, request: MountRequest) {
    this.#host = host
    this.#request = request
  }

  /** Calls back once, with what went wrong, if it did: nothing is mounted then. */
  mount(onDone: (failure: CallFailure | undefined) => void): void {
    const { at, port, only } = this.#request
    const name = JSON.stringify(at)
    this.#connect(TREE.portMs, (fd) => {
      if (fd === undefined) {
        this.#end()
        onDone(new CallFailure("no-port", `Cannot mount ${name}: no port ${JSON.stringify(port)} showed up`))
        return
      }
      const theirs = this.#startPump(fd)
      const args = [at, this.#options(), this.#host.owner, `${HIDDEN}/${port}`, only]
      runScript(this.#host, { script: MOUNT, args, stdin: theirs }, TREE.mountMs, (end) => {
        const failure =
          this.#isGone && end.status === 0 ? noAnswer(name, "it went away") : failureOf(name, end)
        if (failure !== undefined) this.#end()
        onDone(failure)
      })
      closeSync(theirs)
    })
  }

  /** Files that are open fail from now on; calls back when nothing is there to be seen. */
  unmount(onDone: () => void): void {
    this.#end()
    const { at, port, only } = this.#request
    const args = [at, only === "" ? "" : `${HIDDEN}/${port}`]
    runScript(this.#host, { script: UNMOUNT, args, stdin: undefined }, TREE.mountMs, onDone)
  }

  /** The kernel's end of the socket. */
  #startPump(fd: number): number {
    const { loop, linux } = this.#host
    const [socket, theirs] = linux.socketPair()
    linux.growSocket(theirs, TREE.messageBytes * 2)
    this.#pump = new Pump({
      ...{ loop, linux, socket },
      isPrivate: this.#request.sharing === "private",
      onLost: () => this.#reconnect(),
      onEnd: () => this.#end(),
    })
    this.#pump.connect(fd)
    return theirs
  }

  #options(): string {
    const { attachName, access } = this.#request
    return [
      ...["trans=fd", "rfdno=0", "wfdno=0", "version=9p2000.L", `msize=${TREE.messageBytes}`],
      // One attach for all: who may do what is a matter of modes, as everywhere in the domain.
      ...["access=any", "dfltuid=1000", "dfltgid=1000", "uname=user", `aname=${attachName}`],
      // Reads and writes go to the server, so that nothing written is lost and nothing read is old; mapped files are kept.
      ...["cache=mmap", "locktimeout=1"],
      ...["nosuid", "nodev", access === "read" ? "ro" : "rw"],
    ].join(",")
  }

  #connect(timeoutMs: number, onPort: (fd: number | undefined) => void): void {
    this.#stopWaiting = openPort(this.#host, this.#request.port, timeoutMs, onPort)
  }

  #reconnect(): void {
    if (this.#isGone) return
    this.#connect(TREE.outageMs, (fd) => {
      if (fd === undefined) this.#end()
      else this.#pump?.connect(fd)
    })
  }

  #end(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#stopWaiting()
    this.#pump?.close()
  }
}

function failureOf(name: string, { status, words }: ScriptEnd): CallFailure | undefined {
  if (status === 0) return undefined
  const why = words === "" ? "the server did not answer" : JSON.stringify(words)
  if (status === MOUNT_STATUS.badPlace) return new CallFailure("bad-place", `Cannot mount ${name}: ${why}`)
  return noAnswer(name, why)
}

const noAnswer = (name: string, why: string) => new CallFailure("no-answer", `Cannot mount ${name}: ${why}`)
