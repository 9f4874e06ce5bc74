import { randomFillSync } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Bench } from "./bench.ts"
import type { Row } from "./row.ts"
import { timed } from "./timed.ts"

/* A backup of everything, and the next one after a little has changed, by the command line as it is typed. */

const FILES = 4096
const FILE_BYTES = 128 * 1024
const CHANGED_FILES = Math.ceil(FILES / 100)

export interface BackupTimes {
  readonly fullMs: number
  readonly changeMs: number
}

export const BACKUP_ROWS: readonly Row[] = [
  {
    name: "backup-full",
    what: "skerry backup of 512 MiB in 4096 files",
    unit: "ms",
    once: true,
    bars: [],
    sample: (bench) => backupTimes(bench).fullMs,
  },
  {
    name: "backup-change",
    what: "the same again after 1 % has changed",
    unit: "ms",
    once: true,
    // What starting the program and stretching the passphrase take stays.
    bars: [{ says: "1/4 of backup-full", atMost: 1 / 4, times: { row: "backup-full" } }],
    sample: (bench) => backupTimes(bench).changeMs,
  },
]

function backupTimes(bench: Bench): BackupTimes {
  bench.backupTimes ??= measure(bench)
  return bench.backupTimes
}

/** In a home of its own, which is gone afterwards. */
function measure(bench: Bench): BackupTimes {
  const folder = mkdtempSync(join(tmpdir(), "skerry-bench-backup-"))
  const environment = { ...bench.environment, SKERRY_HOME: join(folder, "home") }
  const key = join(folder, "key")
  const skerry = (...words: string[]) => timed(bench.skerry(...words), environment)
  try {
    mkdirSync(join(folder, "home/config"), { recursive: true })
    writeFileSync(
      join(folder, "home/config/skerry.json"),
      JSON.stringify({ applications: {}, instances: {} }),
    )
    writeFileSync(key, "only for measuring\n")
    skerry("state", "unlock", "--passphrase-file", key)
    const backUp = () => skerry("backup", "-q", "--passphrase-file", key, join(folder, "dest"))
    importFiles(FILES)
    const fullMs = backUp()
    importFiles(CHANGED_FILES)
    return { fullMs, changeMs: backUp() }
  } finally {
    skerry("daemon", "--stop")
    rmSync(folder, { recursive: true, force: true })
  }

  function importFiles(count: number): void {
    const data = join(folder, "data")
    const content = Buffer.alloc(FILE_BYTES)
    for (let at = 0; at < count; at++) {
      const directory = join(data, `d${at % 64}`)
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, `f${at}`), randomFillSync(content))
    }
    skerry("import", "-q", "--merge", data, "bench")
    rmSync(data, { recursive: true })
  }
}
