import { CONVERT_LIMITS } from "./limits.ts"

/** Pages that one run of a renderer takes. */
export interface PageRun {
  readonly first: number
  readonly last: number
  readonly dpi: number
}

/**
 * Pure: the sizes that `pdfinfo -f 1 -l N` prints, as runs of pages of one resolution: a page that would be larger
 * than the receiver takes gets a lower one.
 */
export function planRuns(printed: string, dpi: number): PageRun[] {
  const runs: { first: number; last: number; dpi: number }[] = []
  for (const [, page, width, height] of printed.matchAll(/^Page +(\d+) size: +([\d.]+) x ([\d.]+) pts/gm)) {
    const points = Math.max(Number(width), Number(height), 1)
    // One pixel less: renderers round up.
    const most = Math.floor(((CONVERT_LIMITS.sidePixels - 1) * 72) / points)
    const fitting = Math.max(1, Math.min(dpi, most))
    const last = runs.at(-1)
    if (last?.dpi === fitting) last.last = Number(page)
    else runs.push({ first: Number(page), last: Number(page), dpi: fitting })
  }
  return runs
}
