import { readFile } from "node:fs/promises"
import { machine, userInfo } from "node:os"
import type { BackendVerdict, Finding } from "@skerry/isolation"
import { printable } from "@skerry/model"
import { defineCommand } from "../command.ts"
import { type Colours, coloursWhere } from "../render/colours.ts"
import { showJson } from "../render/table.ts"
import { wrap } from "../render/wrap.ts"

/** Programs of the system are found here whatever the user's PATH leaves out. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

export const command = defineCommand({
  name: "doctor",
  summary: "Say what this host can isolate, and how to mend what is missing",
  description: [
    "Lists for each backend whether it is usable, what isolation is in force or why there is none, and what to do. " +
      "Then what was found on the host. Nothing is changed.",
    "The status is 0 if virtual machines can be had, else 1.",
  ],
  arguments: [],
  options: { json: { kind: "flag", summary: "As JSON" } },
  examples: [{ command: "skerry doctor", summary: "Check this host" }],
  async run(context, { options }) {
    const { interpretHost, judgeBackends, knownAcceleration, readHostFacts } = await import(
      "@skerry/isolation"
    )
    const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()
    const tried = await knownAcceleration(context.paths.cache, bootId)
    const facts = await readHostFacts({
      architecture: machine(),
      uid: context.uid,
      userName: userInfo().username,
      path:
        context.environment.PATH === undefined ? SYSTEM_PATH : `${context.environment.PATH}:${SYSTEM_PATH}`,
      directories: { images: context.paths.cache, state: context.paths.state },
      // Not the daemon's own: what is tried here is removed at once.
      home: `${context.paths.runtime}/doctor`,
      acceleration: tried && { kind: tried.acceleration, why: tried.why },
      signal: context.signal,
    })
    const backends = judgeBackends(facts)
    const findings = interpretHost(facts)
    context.stdout.write(
      options.json
        ? showJson({ backends, findings })
        : renderDoctor(backends, findings, context.columns, coloursWhere(context.coloursOn(context.stdout))),
    )
    return backends.some((backend) => backend.level === "vm" && backend.isUsable) ? 0 : 1
  },
})

const MARKS: Readonly<Record<Finding["state"], string>> = { ok: "ok", limited: "limited", missing: "MISSING" }
const MARK_COLUMNS = 9
const PAINT: Readonly<Record<string, keyof Colours>> = {
  ok: "green",
  usable: "green",
  limited: "yellow",
  NO: "red",
  MISSING: "red",
}

function renderDoctor(
  backends: readonly BackendVerdict[],
  findings: readonly Finding[],
  columns: number,
  colours: Colours,
): string {
  const width = columns - MARK_COLUMNS
  const entry = (mark: string, title: string, more: readonly string[]) => {
    // What programs say of themselves may have several lines.
    const lines = [title, ...more].flatMap((text) =>
      wrap(printable(text.trim().replaceAll(/\s*\n\s*/g, "; ")), width).split("\n"),
    )
    const paint = colours[PAINT[mark] ?? "dim"]
    return lines.map(
      (line, at) => (at === 0 ? paint(mark.padEnd(MARK_COLUMNS)) : " ".repeat(MARK_COLUMNS)) + line,
    )
  }
  const fixOf = (fix: string | undefined) => (fix === undefined ? [] : [`To mend it: ${fix}`])
  const lines = [
    colours.bold("Isolation"),
    ...backends.flatMap(({ name, level, isUsable, why, fix }) =>
      entry(isUsable ? "usable" : "NO", `level ${level}, backend ${name}`, [why, ...fixOf(fix)]),
    ),
    "",
    colours.bold("Host"),
    ...findings.flatMap(({ state, name, found, meaning, fix }) =>
      entry(MARKS[state], `${name}: ${found}`, state === "ok" ? [] : [meaning, ...fixOf(fix)]),
    ),
  ]
  return `${lines.join("\n")}\n`
}
