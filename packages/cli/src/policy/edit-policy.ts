import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { printable, quoted } from "@skerry/model"
import { describeProblem, isPolicyFile, PolicyError, tokenOf } from "@skerry/policy"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { mergedFiles, tryLoad, userDirectory, writtenSystem } from "./policy-directories.ts"

const DEFAULT_FILE = "30-user.policy"

const BEGINNING = `# SERVICE  ARGUMENT  SOURCE  TARGET  ACTION
# The first rule that matches decides; docs/policy.md explains the language.
`

/** The file is replaced only if the policy can be used with it; else the old one stays, and the edited text is kept. */
export async function editPolicy(context: CommandContext, name = DEFAULT_FILE): Promise<number> {
  const file = name.endsWith(".policy") ? name : `${name}.policy`
  if (isPolicyFile(file) !== "used") {
    throw new CliError(
      "usage",
      `A policy's name has digits, lower-case letters, "_", "." and "-" only, found ${quoted(name)}`,
    )
  }
  const path = join(userDirectory(context), file)
  const before = readText(path)
  const folder = mkdtempSync(join(tmpdir(), "skerry-policy-"))
  const draft = join(folder, file)
  writeFileSync(draft, before ?? BEGINNING, { mode: 0o600 })
  const editor = await runEditor(context, draft)
  const after = readFileSync(draft, "utf8")
  if (editor.failed) {
    const isUntouched = after === (before ?? BEGINNING)
    if (isUntouched) rmSync(folder, { recursive: true })
    const where = isUntouched ? "" : `; your text is in ${draft}`
    throw new CliError(
      "refused",
      `The editor ${quoted(editor.command)} failed, so nothing was changed${where}`,
    )
  }
  if (after === (before ?? BEGINNING)) {
    rmSync(folder, { recursive: true })
    context.stdout.write("Nothing was changed.\n")
    return 0
  }
  const problems = await newProblems(context, file, after)
  if (problems.length > 0) {
    context.stderr.write(problems.map((each) => `${printable(each)}\n`).join(""))
    throw new CliError(
      "refused",
      `The policy could not be used with this, so it stays as it was; your text is in ${draft}`,
    )
  }
  if (token(readText(path)) !== token(before)) {
    throw new CliError(
      "refused",
      `${path} was changed meanwhile and stays as it is; your text is in ${draft}`,
    )
  }
  replace(path, after)
  rmSync(folder, { recursive: true })
  context.stdout.write(`Wrote ${printable(path)}; it counts from now on.\n`)
  return 0
}

const token = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : tokenOf(text)

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** What is wrong with another file already is no reason to refuse a mended one. */
async function newProblems(context: CommandContext, file: string, text: string): Promise<readonly string[]> {
  const files = mergedFiles(context, await writtenSystem(context))
  const problemsOf = (all: ReadonlyMap<string, string>) => {
    const policy = tryLoad(all)
    return policy instanceof PolicyError ? policy.problems : []
  }
  const known = new Set(
    problemsOf(files).flatMap((each) => (each.file === file ? [] : [describeProblem(each)])),
  )
  return problemsOf(new Map(files).set(file, text))
    .map(describeProblem)
    .filter((each) => !known.has(each))
}

async function runEditor(
  { environment, stdin, stdout, stderr }: CommandContext,
  draft: string,
): Promise<{ readonly command: string; readonly failed: boolean }> {
  const command = environment.VISUAL || environment.EDITOR || "vi"
  // As everywhere, it may be a command with options: the shell parts its words.
  const child = spawn("/bin/sh", ["-c", `${command} "$1"`, "sh", draft], {
    env: { ...environment },
    stdio: [stdin.fd ?? "ignore", stdout.fd ?? "ignore", stderr.fd ?? "ignore"],
  })
  const [status] = (await once(child, "exit")) as [number | null]
  return { command, failed: status !== 0 }
}

/** The old file or the new one is there at any moment, and after a power cut. */
function replace(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 })
  const beside = `${path}.new`
  const file = openSync(beside, "w", 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
}
