import { CliError } from "../cli-error.ts"

/** Of /proc/PID/stat: the program's name is in parentheses and may hold any character, so fields count from its end. */
export function parseStat(text: string): { readonly parent: number; readonly ticks: number } {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const [, parent] = fields
  return { parent: Number(parent), ticks: Number(fields[11]) + Number(fields[12]) }
}

/** Bytes, of /proc/PID/smaps_rollup: memory that processes share counts for each by its part. */
export function parsePss(text: string): number {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1]
  if (kibibytes === undefined)
    throw new CliError("refused", "This host does not say what a process's memory is")
  return Number(kibibytes) * 1024
}
