import { spawnSync } from "node:child_process"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"
import { hostPaths } from "@skerry/model"

/*
 * `npm run quickstart`, after tools/setup.sh: bundles, puts `skerry` into the PATH, writes the starter configuration
 * where there is none, builds, and does the main job on a real file. Whatever is done already is not done again.
 */
const root = join(import.meta.dirname, "..")
const skerry = join(root, "dist/skerry")
const sample = join(root, "testdata/samples/untrusted.pdf")
const uid = process.getuid?.() ?? 0

function run(program: string, args: readonly string[], input?: Buffer): string {
  const isCaptured = input !== undefined
  const { status, signal, stdout, error } = spawnSync(program, args, {
    stdio: [isCaptured ? "pipe" : "inherit", isCaptured ? "pipe" : "inherit", "inherit"],
    ...(isCaptured ? { input } : {}),
  })
  if (status === 0) return isCaptured ? stdout.toString() : ""
  console.error(`\n${[program, ...args].join(" ")} failed: ${error?.message ?? signal ?? `status ${status}`}`)
  process.exit(1)
}

/** Returns how the user types it: a command in the PATH, or the program's path. */
function linkIntoPath(): string {
  const directory = uid === 0 ? "/usr/local/bin" : join(homedir(), ".local/bin")
  const link = join(directory, "skerry")
  const entry = existsSync(directory) ? lstatSync(link, { throwIfNoEntry: false }) : undefined
  if (
    entry?.isSymbolicLink() &&
    readlinkSync(link) !== skerry &&
    readlinkSync(link).endsWith("/dist/skerry")
  ) {
    unlinkSync(link) // of another checkout: the newest quickstart counts
  } else if (entry !== undefined && !entry.isSymbolicLink()) {
    console.log(`${link} is not ours and stays; run ${skerry} instead`)
    return skerry
  }
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(directory, { recursive: true })
    symlinkSync(skerry, link)
    console.log(`Linked ${link}`)
  }
  return (process.env.PATH ?? "").split(delimiter).includes(directory) ? "skerry" : link
}

run(process.execPath, [join(root, "tools/bundle.ts")])
const typed = linkIntoPath()
const { configuration } = hostPaths(process.env, uid)
if (!["skerry.config.ts", "skerry.json"].some((name) => existsSync(join(configuration, name))))
  run(skerry, ["init"])
run(skerry, ["build"])

console.log(`\n$ ${typed} run -d pdf -- pdftotext - - < testdata/samples/untrusted.pdf`)
process.stdout.write(run(skerry, ["run", "-d", "pdf", "--", "pdftotext", "-", "-"], readFileSync(sample)))
console.log(`$ ${typed} run -d scratch -- uname -r`)
const guestKernel = run(skerry, ["run", "-d", "scratch", "--", "uname", "-r"], Buffer.alloc(0)).trim()
const hostKernel = spawnSync("uname", ["-r"]).stdout.toString().trim()
console.log(`${guestKernel}\n`)
console.log(`That text was read by a virtual machine with a kernel of its own (yours is ${hostKernel}), which is gone again.
Next: ${typed} run scratch      an interactive shell in a virtual machine
      ${typed} ps               what runs
      ${typed} doctor           what this host can isolate
      ${typed} help             everything else; your configuration is in ${configuration}`)
