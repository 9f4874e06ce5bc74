import { basename, dirname } from "node:path"
import { type OnProgress, printable } from "@skerry/model"
import { convertFile, type ProgramIo } from "@skerry/services"

export interface ConvertAllOptions {
  readonly openCall: ProgramIo["openCall"]
  /** `@dispvm` or `@dispvm:NAME`: each document gets a disposable of its own. */
  readonly target: string
  /** Absolute. */
  readonly paths: readonly string[]
  /** Absolute; undefined: beside each original. */
  readonly outputFolder: string | undefined
  readonly dpi: number
  /** Disposables at once. */
  readonly jobs: number
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

export interface Converted {
  readonly path: string
  readonly result:
    | { readonly kind: "made"; readonly copy: string }
    | { readonly kind: "failed"; readonly why: string }
}

/** Converts each document; one that fails stops no other. In the order of `paths`. Throws only the signal's reason. */
export async function convertAll(options: ConvertAllOptions): Promise<Converted[]> {
  const results: Converted[] = []
  const waiting = options.paths.entries()
  const work = async () => {
    // One iterator for all: each takes the next that nobody has.
    for (const [index, path] of waiting) {
      options.signal.throwIfAborted()
      results[index] = await convertOne(path, String(index), options)
    }
  }
  const workers = Array.from({ length: Math.min(options.jobs, options.paths.length) }, work)
  // All have put their files away before anybody hears of the interruption, and may end the process.
  const failed = (await Promise.allSettled(workers)).find((each) => each.status === "rejected")
  if (failed !== undefined) throw failed.reason
  return results
}

async function convertOne(path: string, step: string, options: ConvertAllOptions): Promise<Converted> {
  const { openCall, target, dpi, signal, onProgress } = options
  const outputFolder = options.outputFolder ?? dirname(path)
  let total = 0
  onProgress({ kind: "begin", step, label: `Convert ${basename(path)}`, unit: "items" })
  const onPage = (done: number, pages: number) => {
    total = pages
    onProgress({ kind: "advance", step, done, total: pages })
  }
  try {
    const copy = await convertFile({ openCall, target, path, outputFolder, dpi, signal, onPage })
    onProgress({ kind: "end", step, note: total === 1 ? "1 page" : `${total} pages` })
    return { path, result: { kind: "made", copy } }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Error)) throw error
    onProgress({ kind: "end", step, note: "failed" })
    return { path, result: { kind: "failed", why: printable(error.message) } }
  }
}
