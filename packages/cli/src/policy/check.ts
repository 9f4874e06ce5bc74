import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { printable, quoted } from "@skerry/model"
import { lint, type Policy, PolicyError } from "@skerry/policy"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { showJson } from "../render/table.ts"
import { mergedFiles, readDirectory, tryLoad, viewOfSystem, writtenSystem } from "./policy-directories.ts"

interface Finding {
  readonly file: string
  readonly line: number
  readonly kind: string
  readonly message: string
}

const shown = ({ file, line, message }: Finding) =>
  `${printable(line === 0 ? file : `${file}:${line}`)}: ${printable(message)}\n`

/** Status 1 where the policy cannot be used; what it is probably not meant to say is told, and no failure. */
export async function checkPolicy(
  context: CommandContext,
  directory: string | undefined,
  asJson: boolean,
): Promise<number> {
  // Only the user's own policy.d may be missing: a directory that was named and is not there is a slip.
  if (directory !== undefined && !existsSync(resolve(context.cwd, directory))) {
    throw new CliError("usage", `There is no directory ${quoted(directory, 200)}`)
  }
  const system = await writtenSystem(context)
  const files =
    directory === undefined
      ? mergedFiles(context, system)
      : readDirectory(resolve(context.cwd, directory), context)
  const policy = tryLoad(files)
  const view = system === undefined ? undefined : viewOfSystem(system)
  const warnings: readonly Finding[] =
    policy instanceof PolicyError ? [] : lint(policy, files, view, { nowMs: Date.now() })
  const problems: readonly Finding[] =
    policy instanceof PolicyError ? policy.problems.map((each) => ({ ...each, kind: "syntax" })) : []
  if (asJson) {
    const rules = policy instanceof PolicyError ? 0 : policy.rules.length
    context.stdout.write(showJson({ isUsable: problems.length === 0, rules, problems, warnings }))
  } else {
    context.stdout.write([...problems, ...warnings].map(shown).join(""))
    context.stdout.write(summary(policy, warnings.length))
  }
  return problems.length === 0 ? 0 : 1
}

function summary(policy: Policy | PolicyError, warnings: number): string {
  if (policy instanceof PolicyError) {
    return `The policy cannot be used: until this is mended, every call is refused.\n`
  }
  const { rules, loaded } = policy
  const remarks = warnings === 0 ? "" : `, remarks: ${warnings}`
  return `The policy can be used (rules: ${rules.length}, files: ${loaded.size}${remarks}).\n`
}
