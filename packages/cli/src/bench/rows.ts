import { bwrapRow, firejailRow, podmanRow } from "./alternatives.ts"
import { BACKUP_ROWS } from "./backup-rows.ts"
import type { Bench } from "./bench.ts"
import { IDLE_DOMAINS } from "./bench-home.ts"
import { CALL_ROWS } from "./call-rows.ts"
import { FILE_ROWS } from "./file-rows.ts"
import { idleMemory, lastingStart, manyIdle } from "./idle-domains.ts"
import { pipeThrough, pipeThroughDomain } from "./pipe.ts"
import { POLICY_ROWS } from "./policy-rows.ts"
import { COLD_BOOT, NODE, type Row } from "./row.ts"
import { median } from "./statistics.ts"
import { timed } from "./timed.ts"

const YARDSTICK = {
  name: NODE,
  sample: ({ environment }: Bench) => timed([process.execPath, "-e", "0"], environment),
}
const CAT = { name: "cat", sample: pipeThrough }

const disposable = (bench: Bench) =>
  timed(bench.home.words("run", "-d", "scratch", "--", "true"), bench.home.environment)

/** Every row, in the table's order; the bars are those of docs/performance.md. */
export const ROWS: readonly Row[] = [
  { name: NODE, what: "node -e 0", unit: "ms", bars: [], sample: YARDSTICK.sample },
  {
    name: "version",
    what: "skerry version",
    unit: "ms",
    yardstick: YARDSTICK,
    bars: [{ says: "1.3 × node", atMost: 1.3, times: "yardstick" }],
    sample: (bench) => timed(bench.skerry("version"), bench.environment),
  },
  {
    name: "run",
    what: "skerry run -d scratch -- true",
    unit: "ms",
    standby: 0,
    yardstick: YARDSTICK,
    bars: [
      { says: "6 × node", atMost: 6, times: "yardstick" },
      { says: "1/12 boot", atMost: 1 / 12, times: { row: COLD_BOOT } },
    ],
    sample: disposable,
  },
  {
    name: "run-standby",
    what: "the same with a standby domain",
    unit: "ms",
    standby: 1,
    yardstick: YARDSTICK,
    bars: [{ says: "3.5 × node", atMost: 3.5, times: "yardstick" }],
    sample: disposable,
  },
  {
    name: "start",
    what: "start inside the daemon",
    unit: "ms",
    standby: 0,
    yardstick: YARDSTICK,
    bars: [{ says: "1/30 boot", atMost: 1 / 30, times: { row: COLD_BOOT } }],
    sample: (bench) => bench.measure("scratch", false),
  },
  {
    name: COLD_BOOT,
    what: "cold boot of the same VM",
    unit: "ms",
    standby: 0,
    yardstick: YARDSTICK,
    bars: [],
    sample: (bench) => bench.measure("scratch", true),
  },
  {
    name: "idle-memory",
    what: `own memory of an idle clone, of ${IDLE_DOMAINS} (PSS)`,
    unit: "bytes",
    standby: 0,
    once: true,
    bars: [{ says: "45 MB", atMost: 45e6 }],
    sample: async (bench) => median((await manyIdle(bench)).bytesEach),
  },
  {
    name: "idle-alone",
    what: "the same with no other clone to share with",
    unit: "bytes",
    standby: 0,
    bars: [],
    sample: idleMemory,
  },
  {
    name: "single-start",
    what: "start of one lasting domain",
    unit: "ms",
    standby: 0,
    yardstick: YARDSTICK,
    bars: [],
    sample: lastingStart,
  },
  {
    name: "many-start",
    what: `${IDLE_DOMAINS} domains at once, all started`,
    unit: "ms",
    standby: 0,
    once: true,
    bars: [
      {
        says: `${IDLE_DOMAINS} × 1.5 single`,
        atMost: 1.5,
        times: { row: "single-start", count: IDLE_DOMAINS },
      },
    ],
    sample: async (bench) => (await manyIdle(bench)).startMs,
  },
  {
    name: "many-memory",
    what: `${IDLE_DOMAINS} idle domains and the daemon (PSS)`,
    unit: "bytes",
    standby: 0,
    once: true,
    bars: [{ says: "4 GB", atMost: 4e9 }],
    sample: async (bench) => (await manyIdle(bench)).bytes,
  },
  {
    name: "pipe",
    what: "256 MB | skerry run -d light -- cat |",
    unit: "ms",
    standby: 0,
    yardstick: CAT,
    bars: [{ says: "2 × cat", atMost: 2, times: "yardstick" }],
    sample: pipeThroughDomain,
  },
  ...POLICY_ROWS,
  ...CALL_ROWS,
  ...BACKUP_ROWS,
  ...FILE_ROWS,
  { ...bwrapRow, yardstick: YARDSTICK },
  { ...firejailRow, yardstick: YARDSTICK },
  { ...podmanRow, yardstick: YARDSTICK },
]
