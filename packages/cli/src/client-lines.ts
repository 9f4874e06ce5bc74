import type { Connection, Method, OutgoingCall } from "@skerry/rpc"

/** The rows of a listing, each as soon as its line is complete. The daemon is trusted to send what it says. */
export async function* readRows<P, Row>(
  connection: Connection,
  method: Method<P, undefined, undefined, undefined>,
  params: P,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  yield* rowsOf<Row, undefined>(connection.call(method, params, { signal }))
}

/** The same of a call that was made already; returns its result. */
export async function* rowsOf<Row, R>(
  call: Pick<OutgoingCall<R, never, never>, "stdout" | "result">,
): AsyncGenerator<Row, R> {
  let partial = ""
  for await (const chunk of call.stdout.setEncoding("utf8")) {
    const lines = (partial + String(chunk)).split("\n")
    partial = lines.pop() ?? ""
    for (const line of lines) yield JSON.parse(line) as Row
  }
  return await call.result
}

/** All of them, where a person is to see them as a table. */
export async function allOf<Row>(rows: AsyncIterable<Row>): Promise<readonly Row[]> {
  const found: Row[] = []
  for await (const row of rows) found.push(row)
  return found
}
