import { spawnSync } from "node:child_process"
import { dotOf, loadPolicy, policyGraph } from "@skerry/policy"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { mergedFiles, viewOfSystem, writtenSystem } from "./policy-directories.ts"
import { svgOf } from "./svg.ts"

interface DrawOptions {
  readonly format: string | undefined
  readonly ask: boolean
  readonly full: boolean
  readonly service: readonly string[]
  readonly source: readonly string[]
  readonly target: readonly string[]
}

const LIMITS = {
  /** How long Graphviz may take, until it is drawn without it. */
  dotMs: 20_000,
  /** Bytes of its picture. */
  dotBytes: 64 * 1024 * 1024,
} as const

/** Graphviz draws better, where it is installed. */
export async function drawPolicy(context: CommandContext, options: DrawOptions): Promise<number> {
  const system = await writtenSystem(context)
  if (system === undefined) {
    throw new CliError("refused", "There is no configuration yet, and so no instance; run: skerry init")
  }
  const some = (words: readonly string[]) => (words.length === 0 ? undefined : words)
  const chosen = {
    services: some(options.service),
    sources: some(options.source),
    targets: some(options.target),
  }
  const graph = policyGraph(
    loadPolicy(mergedFiles(context, system)),
    viewOfSystem(system),
    { ask: options.ask, full: options.full, ...withoutUndefined(chosen) },
    { nowMs: Date.now() },
  )
  const dot = dotOf(graph)
  if (options.format !== "svg") context.stdout.write(dot)
  else context.stdout.write(drawnByGraphviz(dot, context) ?? svgOf(graph))
  return 0
}

const withoutUndefined = <T>(members: Readonly<Record<string, T | undefined>>): Record<string, T> =>
  Object.fromEntries(Object.entries(members).filter((entry): entry is [string, T] => entry[1] !== undefined))

function drawnByGraphviz(dot: string, { environment }: CommandContext): string | undefined {
  const { status, stdout } = spawnSync("dot", ["-Tsvg"], {
    input: dot,
    encoding: "utf8",
    timeout: LIMITS.dotMs,
    maxBuffer: LIMITS.dotBytes,
    env: { PATH: environment.PATH ?? "/usr/bin:/bin" },
    stdio: ["pipe", "pipe", "ignore"],
  })
  return status === 0 ? stdout : undefined
}
