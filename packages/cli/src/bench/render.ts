import { printable } from "@skerry/model"
import { showBytes } from "../render/amount.ts"
import { type Column, table } from "../render/table.ts"
import type { MeasuredHost } from "./host.ts"
import type { JudgedRow } from "./row.ts"

export interface BenchResult {
  readonly host: MeasuredHost
  readonly rows: readonly JudgedRow[]
}

/** Pure: the headline, the table, and what there is no figure for. */
export function renderBench({ host, rows }: BenchResult): string {
  const notes = rows.flatMap(({ name, samples }) =>
    samples.kind === "measured"
      ? []
      : [`${name}: ${samples.kind === "absent" ? "not measured, " : "FAILED: "}${printable(samples.why)}\n`],
  )
  return [headline(host), "\n", table(rows, COLUMNS), ...(notes.length > 0 ? ["\n", ...notes] : [])].join("")
}

function headline({ skerry, cores, cpu, kernel, node, qemu, acceleration }: MeasuredHost): string {
  const machine = `${cores} ${cores === 1 ? "core" : "cores"}, ${cpu}`
  const domains = { kvm: "KVM", tcg: "emulation, no KVM" }[acceleration ?? ""] ?? acceleration
  const parts = [
    `skerry ${skerry}`,
    machine,
    ...(domains === undefined ? [] : [domains]),
    `Node ${node}`,
    ...(qemu === undefined ? [] : [`QEMU ${qemu}`]),
    `Linux ${kernel}`,
  ]
  return `${parts.join(" · ")}\n${EXPLANATION}\n`
}

/** Not the same for all: some rows are measured once, whatever was asked for. */
const EXPLANATION =
  "MEDIAN is of as many samples as RUNS says; RATIO is to what was measured right before each"

const COLUMNS: readonly Column<JudgedRow>[] = [
  { title: "ROW", cell: ({ name }) => name },
  { title: "WHAT", cell: ({ what }) => what },
  { title: "RUNS", align: "right", cell: ({ samples }) => showRuns(samples) },
  { title: "MEDIAN", align: "right", cell: showMedian },
  { title: "MIN–MAX", align: "right", cell: showSpread },
  {
    title: "RATIO",
    align: "right",
    cell: ({ yardstick }) => (yardstick ? `${digits(yardstick.ratio)} × ${yardstick.name}` : ""),
  },
  {
    title: "OF BOOT",
    align: "right",
    cell: ({ ofColdBoot }) => (ofColdBoot ? `1/${digits(1 / ofColdBoot)}` : ""),
  },
  { title: "AT MOST", cell: ({ bars }) => bars.map(({ says }) => says).join(", ") },
  { title: "REACHED", cell: showReached },
]

const showRuns = (samples: JudgedRow["samples"]): string =>
  samples.kind === "measured" ? String(samples.values.length) : ""

function showMedian({ unit, value, samples }: JudgedRow): string {
  if (value !== undefined) return show(unit, value.median)
  return samples.kind === "absent" ? "not here" : "FAILED"
}

function showSpread({ unit, value }: JudgedRow): string {
  return value === undefined || value.min === value.max
    ? ""
    : `${show(unit, value.min)}–${show(unit, value.max)}`
}

function showReached({ bars, samples }: JudgedRow): string {
  if (samples.kind === "absent") return ""
  const words = bars.map(({ isReached }) => (isReached ? "yes" : "NO"))
  return [...new Set(words)].length === 1 ? (words[0] ?? "") : words.join(", ")
}

function show(unit: JudgedRow["unit"], value: number): string {
  if (unit === "bytes") return showBytes(value)
  if (unit === "calls") return String(value)
  if (value < 0.995) return `${digits(value)} ms`
  return value < 9.95 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`
}

/** Three of them: 0.987, 5.23, 12.4, 158. */
const digits = (value: number) => value.toPrecision(3)

/** Whether a bar was missed, or a row could not be measured to the end. */
export const isMissed = ({ bars, samples }: JudgedRow): boolean =>
  samples.kind === "failed" || (samples.kind === "measured" && bars.some(({ isReached }) => !isReached))
