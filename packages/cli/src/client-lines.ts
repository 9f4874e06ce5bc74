import type { Connection, Method } from "@skerry/rpc"

/** The rows of a listing, each as soon as its line is complete. The daemon is trusted to send what it says. */
export async function* readRows<P, Row>(
  connection: Connection,
  method: Method<P, undefined, undefined, undefined>,
  params: P,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  const call = connection.call(method, params, { signal })
  let partial = ""
  for await (const chunk of call.stdout.setEncoding("utf8")) {
    const lines = (partial + String(chunk)).split("\n")
    partial = lines.pop() ?? ""
    for (const line of lines) yield JSON.parse(line) as Row
  }
  await call.result
}
