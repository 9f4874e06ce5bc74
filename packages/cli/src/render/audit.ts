import { printable } from "@skerry/model"
import type { AuditProblem, AuditRow, AuditSummary } from "@skerry/rpc"
import { table } from "./table.ts"
import { localTime } from "./time.ts"

export function auditTable(rows: readonly AuditRow[]): string {
  return table(rows, [
    { title: "TIME", cell: ({ time }) => localTime(time) },
    { title: "WHAT", cell: what },
    { title: "FROM", cell: ({ source }) => short(source) },
    { title: "SERVICE", cell: service },
    { title: "TO", cell: ({ target, requestedTarget }) => short(target ?? requestedTarget) },
    { title: "CALL", cell: ({ call = "" }) => short(call) },
    { title: "REMARKS", cell: remarks },
  ])
}

/** One record, for a log that goes on. */
export function auditLine(row: AuditRow): string {
  const { time, source, target, requestedTarget, call } = row
  const to = target ?? requestedTarget
  const words = [
    localTime(time),
    what(row),
    short(source),
    service(row),
    to === undefined ? "" : `→ ${short(to)}`,
    call === undefined ? "" : `(${short(call)})`,
    remarks(row),
  ]
  return `${printable(words.filter((word) => word !== "").join(" "))}\n`
}

export const problemText = ({ file, line, problem }: AuditProblem): string =>
  printable(`${file}${line === 0 ? "" : `, line ${line}`}: ${problem}`).concat("\n")

export function summaryText({ problems, records, firstSeq, lastSeq, head }: AuditSummary): string {
  const range = records === 0 ? "" : `, ${firstSeq} to ${lastSeq}`
  const found = problems === 0 ? "whole" : `NOT WHOLE: ${problems} problem${problems === 1 ? "" : "s"}`
  return `${found} (${records} records${range})\nhead ${lastSeq}:${head}\n`
}

const SHORT = 40
const short = (text = ""): string => (text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text)

function what({ kind, verdict }: AuditRow): string {
  if (kind === "decision") return verdict ?? kind
  if (kind === "prompt") return verdict === "allow" ? "answered: allow" : "answered: deny"
  return kind === "call-end" ? "end" : kind
}

function service({ service, argument }: AuditRow): string {
  if (service === undefined) return ""
  return short(argument === undefined || argument === "" ? service : `${service}+${argument}`)
}

function remarks(row: AuditRow): string {
  const { rule, why, answeredBy, scope, exit, durationMs, bytesUp, bytesDown, note } = row
  const bytes = bytesUp === undefined ? "" : `${bytesUp} bytes up, ${bytesDown ?? 0} down`
  const by = answeredBy === undefined || answeredBy === "" ? "" : `by ${answeredBy}`
  return [
    why ?? "",
    by,
    scope === undefined || scope === "once" ? "" : `for: ${scope}`,
    exit === undefined ? "" : `exit ${exit}`,
    durationMs === undefined ? "" : `${durationMs} ms`,
    bytes,
    rule ?? "",
    note ?? "",
  ]
    .filter((word) => word !== "")
    .join(", ")
}
