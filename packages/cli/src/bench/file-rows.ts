import { existsSync } from "node:fs"
import type { Bench } from "./bench.ts"
import { type FileTimes, KINDS, measureFiles, type Step } from "./files/measure.ts"
import { measureVersions, type VersionTimes } from "./files/measure-versions.ts"
import { DIOD, type ServerKind } from "./files/servers.ts"
import { SIZES } from "./files/workload.ts"
import type { Bar, Row } from "./row.ts"

/*
 * The file server beside diod, Debian's 9P server in C. The bars: a host directory is at least as fast as diod at names and small
 * files, and has 70 % of its rate at bulk; the store has rates of its own.
 */

const asDiod: Bar = { says: "1 × diod", atMost: 1, times: "yardstick" }
const bulk: Bar = { says: "1/0.7 diod", atMost: 1 / 0.7, times: "yardstick" }
const MOST_MEMORY: Bar = { says: "150 MB", atMost: 150e6 }

const STEPS: Readonly<Record<Step, { readonly what: string; readonly bar: Bar }>> = {
  write: { what: "write 1 GB, all of it new", bar: bulk },
  read: { what: "read it, for the second time", bar: bulk },
  random: { what: "50,000 random reads of 4 KB", bar: asDiod },
  create: { what: "make 10,000 files of 512 bytes", bar: asDiod },
  stat: { what: "look at 10,000 files", bar: asDiod },
  readSmall: { what: "read 10,000 small files", bar: asDiod },
  list: { what: "list 10,000 entries, 50 times", bar: asDiod },
  remove: { what: "remove 10,000 files", bar: asDiod },
}
const steps = Object.entries(STEPS) as [Step, (typeof STEPS)[Step]][]

/** Bars of the store, in MB/s. */
const STORE_RATES: Readonly<Partial<Record<Step, number>>> = { write: 300, read: 800 }

function storeBars(step: Step): readonly Bar[] {
  const rate = STORE_RATES[step]
  return rate === undefined ? [] : [{ says: `${rate} MB/s`, atMost: SIZES.fileBytes / 1e3 / rate }]
}

const absent = () => (existsSync(DIOD) ? undefined : "diod is not installed")

const ofKind = (kind: Exclude<ServerKind, "diod">): readonly Row[] => {
  const name = kind === "directory" ? "dir" : "store"
  const shown = kind === "directory" ? "host directory" : "state store"
  return [
    ...steps.map(
      ([step, { what, bar }]): Row => ({
        name: `${name}-${step === "readSmall" ? "small" : step}`,
        what: `${shown}: ${what}`,
        unit: "ms",
        once: true,
        // Where there is no diod, there is nothing to compare with, and the rows tell it.
        yardstick: { name: "diod", sample: (bench) => times(bench).diod.steps[step] },
        bars: kind === "directory" ? [bar] : storeBars(step),
        absent,
        sample: (bench) => times(bench)[kind].steps[step],
      }),
    ),
    {
      name: `${name}-memory`,
      what: `${shown}: most memory of its server`,
      unit: "bytes",
      once: true,
      bars: [MOST_MEMORY],
      absent,
      sample: (bench) => times(bench)[kind].memory.peakBytes,
    },
    {
      name: `${name}-mapped`,
      what: "of that, files that are mapped: Node itself",
      unit: "bytes",
      once: true,
      bars: [],
      absent,
      sample: (bench) => times(bench)[kind].memory.fileBytes,
    },
  ]
}

const MOST_SNAPSHOT: Bar = { says: "10 ms", atMost: 10 }

const versionRow = (step: keyof VersionTimes, what: string, bars: readonly Bar[]): Row => ({
  name: `store-${step}`,
  what: `state store: ${what} 1 GB in 100,000 files`,
  unit: "ms",
  once: true,
  bars,
  sample: (bench) => versions(bench)[step],
})

export const FILE_ROWS: readonly Row[] = [
  ...KINDS.flatMap((kind) => (kind === "diod" ? [] : ofKind(kind))),
  versionRow("snapshot", "keep a version of", [MOST_SNAPSHOT]),
  versionRow("rollback", "go back to a version of", []),
]

function times(bench: Bench): FileTimes {
  bench.fileTimes ??= measureFiles()
  return bench.fileTimes
}

function versions(bench: Bench): VersionTimes {
  bench.versionTimes ??= measureVersions()
  return bench.versionTimes
}
