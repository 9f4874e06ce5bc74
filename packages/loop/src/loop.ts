import type { Linux } from "@skerry/linux"

/** One descriptor that the loop looks at. */
export interface Watch {
  /** POLL bits to wait for; 0: nothing, not even the other side's end, which would be told again and again. */
  want(events: number): void
  close(): void
}

interface Watched {
  readonly fd: number
  readonly onReady: () => void
  events: number
  isOpen: boolean
}

interface Alarm {
  readonly at: number
  readonly action: () => void
}

/**
 * Waits for descriptors and times in one blocking poll, and calls whom they concern. It takes the place of Node's own
 * event loop, which never gets its turn: in a fresh clone every stretch of code that runs for the first time has to
 * be loaded (and, emulated, translated), and this one takes a tenth of what streams and promises do.
 */
export class Loop {
  readonly #linux: Pick<Linux, "poll">
  readonly #now: () => number
  readonly #watched = new Set<Watched>()
  readonly #alarms = new Set<Alarm>()
  readonly #beforeWait = new Set<() => void>()
  /** Structs pollfd as two numbers each: the descriptor; what is wanted, and in the upper half what happened. */
  #pollfds = new Int32Array(0)
  /** What #pollfds was made from; undefined: something has changed since. */
  #listed: Watched[] | undefined
  #isRunning = false

  constructor(linux: Pick<Linux, "poll">, now: () => number) {
    this.#linux = linux
    this.#now = now
  }

  /** Calls `onReady` when what is wanted, or an end or error, can be had. The descriptor stays the caller's. */
  watch(fd: number, onReady: () => void): Watch {
    const watched: Watched = { fd, onReady, events: 0, isOpen: true }
    this.#watched.add(watched)
    return {
      want: (events) => {
        if (watched.events === events) return
        watched.events = events
        this.#listed = undefined
      },
      close: () => {
        watched.isOpen = false
        this.#watched.delete(watched)
        this.#listed = undefined
      },
    }
  }

  /** In the milliseconds that after() counts. */
  now(): number {
    return this.#now()
  }

  /** Calls `action` once, after so many milliseconds; what is returned prevents it. */
  after(ms: number, action: () => void): () => void {
    const alarm: Alarm = { at: this.#now() + ms, action }
    this.#alarms.add(alarm)
    return () => void this.#alarms.delete(alarm)
  }

  /** Calls `action` each time before the loop waits; what is returned ends that. */
  beforeWait(action: () => void): () => void {
    this.#beforeWait.add(action)
    return () => void this.#beforeWait.delete(action)
  }

  /** Returns after stop(). */
  run(): void {
    this.#isRunning = true
    while (this.#isRunning) this.#turn()
  }

  stop(): void {
    this.#isRunning = false
  }

  #turn(): void {
    for (const action of this.#beforeWait) action()
    if (!this.#isRunning) return
    this.#listed ??= this.#list()
    const listed = this.#listed
    const pollfds = this.#pollfds
    const ready = this.#linux.poll(pollfds, listed.length, this.#waitMs())
    if (this.#alarms.size > 0) this.#ring()
    if (ready === 0) return
    for (let index = 0; index < listed.length; index++) {
      const watched = listed[index]
      // One that was called may have closed others.
      if ((pollfds[index * 2 + 1] ?? 0) >>> 16 !== 0 && watched?.isOpen) watched.onReady()
    }
  }

  #list(): Watched[] {
    const listed: Watched[] = []
    for (const watched of this.#watched) if (watched.events !== 0) listed.push(watched)
    // Never in place: the turn that goes on may still be reading the one before.
    this.#pollfds = new Int32Array(listed.length * 2)
    for (const [index, { fd, events }] of listed.entries()) {
      this.#pollfds[index * 2] = fd
      this.#pollfds[index * 2 + 1] = events
    }
    return listed
  }

  #waitMs(): number {
    if (this.#alarms.size === 0) return -1
    let first = Number.POSITIVE_INFINITY
    for (const { at } of this.#alarms) first = Math.min(first, at)
    return Math.max(0, Math.ceil(first - this.#now()))
  }

  #ring(): void {
    const now = this.#now()
    for (const alarm of this.#alarms) {
      if (alarm.at > now) continue
      this.#alarms.delete(alarm)
      alarm.action()
    }
  }
}
