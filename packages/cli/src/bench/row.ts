import type { Bench } from "./bench.ts"
import { median, type Summary, summary } from "./statistics.ts"

/** What a row has to reach. All bars are upper ones: less time and less memory are better. */
export interface Bar {
  readonly atMost: number
  /** The number is a multiple of this: of the row's yardstick, or of another row; absent: it is the value itself. */
  readonly times?: "yardstick" | { readonly row: string; readonly count?: number }
  /** As the table shows it: "6 × node". */
  readonly says: string
}

/** Measured right before each sample of a row, so that a machine that gets slower slows both. */
export interface Yardstick {
  readonly name: string
  sample(bench: Bench): number
}

/** One line of the table. To add one: an entry in rows.ts. */
export interface Row {
  /** For --rows. */
  readonly name: string
  /** For people: a command as it is typed, where there is one. */
  readonly what: string
  readonly unit: "ms" | "bytes" | "calls"
  /** Needs domains, with so many standing by for each image. */
  readonly standby?: 0 | 1
  /** One sample is many starts already. */
  readonly once?: true
  readonly yardstick?: Yardstick
  readonly bars: readonly Bar[]
  /** Why it cannot be measured on this machine, in a few words. */
  absent?(bench: Bench): string | undefined
  /** In the row's unit. */
  sample(bench: Bench): number | Promise<number>
}

/** What came of measuring a row. */
export type Samples =
  | { readonly kind: "measured"; readonly values: readonly number[]; readonly yardstick: readonly number[] }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string }

export interface JudgedBar {
  readonly says: string
  readonly atMost: number
  /** In what `atMost` counts; undefined where what it refers to was not measured. */
  readonly found: number | undefined
  readonly isReached: boolean
}

export interface JudgedRow {
  readonly name: string
  readonly what: string
  readonly unit: Row["unit"]
  readonly samples: Samples
  readonly value: Summary | undefined
  readonly yardstick: (Summary & { readonly name: string; readonly ratio: number }) | undefined
  /** Of the cold boot of the same VM in the same run. */
  readonly ofColdBoot: number | undefined
  readonly bars: readonly JudgedBar[]
}

/** Rows that others refer to. */
export const NODE = "node"
export const COLD_BOOT = "cold-boot"

/** Pure: compares what was measured with the bars. A row that was not measured reaches none. */
export function judge(rows: readonly Row[], measured: ReadonlyMap<string, Samples>): JudgedRow[] {
  const medianOf = (name: string) => {
    const samples = measured.get(name)
    return samples?.kind === "measured" ? median(samples.values) : undefined
  }
  return rows.map((row) => {
    const { name, what, unit } = row
    const samples = measured.get(name) ?? { kind: "failed", why: "not measured" }
    const value = samples.kind === "measured" ? summary(samples.values) : undefined
    const yardstick =
      samples.kind === "measured" && samples.yardstick.length > 0 ? summary(samples.yardstick) : undefined
    const bars = row.bars.map(({ says, atMost, times }) => {
      const unitOfBar =
        times === undefined
          ? 1
          : times === "yardstick"
            ? yardstick?.median
            : scaled(medianOf(times.row), times.count ?? 1)
      const found = value && unitOfBar && value.median / unitOfBar
      return { says, atMost, found, isReached: found !== undefined && found <= atMost }
    })
    const boot = medianOf(COLD_BOOT)
    return {
      name,
      what,
      unit,
      samples,
      value,
      yardstick:
        value && row.yardstick && yardstick
          ? { name: row.yardstick.name, ...yardstick, ratio: value.median / yardstick.median }
          : undefined,
      ofColdBoot:
        value && boot && name !== COLD_BOOT && row.standby !== undefined && row.yardstick?.name === NODE
          ? value.median / boot
          : undefined,
      bars,
    }
  })
}

const scaled = (value: number | undefined, count: number) => (value === undefined ? undefined : value * count)

/** The rows of these names and those that their bars refer to, in the table's order. */
export function chosenRows(rows: readonly Row[], names: ReadonlySet<string>): Row[] {
  const wanted = new Set(names)
  for (const { name, bars } of rows) {
    if (!names.has(name)) continue
    for (const { times } of bars) if (typeof times === "object") wanted.add(times.row)
  }
  return rows.filter(({ name }) => wanted.has(name))
}
