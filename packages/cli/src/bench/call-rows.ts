import type { Bench } from "./bench.ts"
import { type CallTimes, callTimes, STREAM_BYTES, STREAM_ROUNDS, spawnMs } from "./calls.ts"
import { plainPipe } from "./pipe.ts"
import { COLD_BOOT, type Row } from "./row.ts"
import { median } from "./statistics.ts"
import { timed } from "./timed.ts"

const SPAWN = { name: "spawn cat", sample: spawnMs }
const PIPE = {
  name: "one pipe",
  sample: (bench: Bench) =>
    median(Array.from({ length: STREAM_ROUNDS }, () => plainPipe(bench, STREAM_BYTES))),
}

type Shown = Pick<Row, "name" | "what" | "bars" | "yardstick"> & { readonly unit?: Row["unit"] }

const callRow = (time: keyof CallTimes, row: Shown): Row => ({
  unit: "ms",
  ...row,
  standby: 0,
  once: true,
  sample: async (bench) => (await callTimes(bench))[time],
})

const times = (atMost: number, says: string) => ({ bars: [{ says, atMost, times: "yardstick" as const }] })

/** Calls between two domains of level process; the reference's figures are in docs/performance.md. */
export const CALL_ROWS: readonly Row[] = [
  callRow("socketEcho", {
    name: "call-socket",
    what: "echo call, service behind a socket",
    yardstick: SPAWN,
    ...times(1 / 4, "1/4 spawn"),
  }),
  callRow("executableEcho", {
    name: "call-executable",
    what: "echo call, service an executable",
    yardstick: SPAWN,
    ...times(1 / 0.6, "1/0.6 spawn"),
  }),
  callRow("refused", {
    name: "call-refused",
    what: "refused call",
    yardstick: SPAWN,
    ...times(1 / 7, "1/7 spawn"),
  }),
  callRow("failedAtOnce", {
    name: "calls-at-once",
    what: "of 100 calls at once from one domain, failed",
    unit: "calls",
    bars: [{ says: "none", atMost: 0 }],
  }),
  callRow("streamUp", {
    name: "call-up",
    what: "512 MB from caller to service",
    yardstick: PIPE,
    ...times(1, "one pipe"),
  }),
  callRow("streamDown", {
    name: "call-down",
    what: "512 MB from service to caller",
    yardstick: PIPE,
    ...times(1, "one pipe"),
  }),
  {
    name: "call-disposable",
    what: "skerry call @dispvm:scratch qubes.VMShell",
    unit: "ms",
    standby: 0,
    bars: [{ says: "1/12 boot", atMost: 1 / 12, times: { row: COLD_BOOT } }],
    sample: (bench) =>
      timed(bench.home.words("call", "@dispvm:scratch", "qubes.VMShell"), bench.home.environment),
  },
]
