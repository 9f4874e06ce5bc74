import { spawnSync } from "node:child_process"
import { join } from "node:path"

/*
 * `npm run bench`, after tools/setup.sh: bundles, and measures what was bundled. Words after `--` go on to
 * `skerry bench`; --with-alternatives installs what else can run a command apart, to be measured beside it.
 */
const ALTERNATIVES = ["firejail", "podman"]
const FLAG = "--with-alternatives"

const root = join(import.meta.dirname, "..")
const words = process.argv.slice(2)

function run(program: string, args: readonly string[]): void {
  const { status, signal, error } = spawnSync(program, args, { stdio: "inherit" })
  if (status === 0) return
  console.error(`\n${[program, ...args].join(" ")} failed: ${error?.message ?? signal ?? `status ${status}`}`)
  process.exit(status ?? 1)
}

if (words.includes(FLAG)) {
  const sudo = process.getuid?.() === 0 ? [] : ["sudo"]
  const install = ["install", "-q", "-y", "--no-install-recommends", ...ALTERNATIVES]
  for (const step of [["-qq", "update"], install]) {
    const [program = "", ...args] = [...sudo, "apt-get", ...step]
    run(program, args)
  }
}
run(process.execPath, [join(root, "tools/bundle.ts")])
const json = words.some((word) => /^--json(?:=|$)/.test(word))
  ? []
  : ["--json", join(root, "dist/bench.json")]
run(join(root, "dist/skerry"), ["bench", ...json, ...words.filter((word) => word !== FLAG)])
