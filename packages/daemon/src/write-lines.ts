import type { CallContext } from "@skerry/rpc"

/** One JSON object per line, at the reader's pace. */
export async function writeLines(
  { stdout, signal }: Pick<CallContext<unknown, unknown>, "stdout" | "signal">,
  rows: Iterable<object> | AsyncIterable<object>,
): Promise<void> {
  for await (const row of rows) {
    if (signal.aborted) return
    await new Promise<void>((resolve) => stdout.write(`${JSON.stringify(row)}\n`, () => resolve()))
  }
}
