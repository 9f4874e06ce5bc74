import assert from "node:assert/strict"
import { test } from "node:test"
import { parseArguments } from "./args.ts"
import { commandHelp } from "./help.ts"
import { REGISTRY } from "./registry.ts"

const loaded = await Promise.all(
  REGISTRY.map(async (entry) => ({ entry, command: (await entry.load()).command })),
)

test("every name stands once, and is the command's own", () => {
  const names = loaded.map(({ command }) => command.name)
  assert.deepEqual(
    names,
    REGISTRY.map((entry) => entry.name),
  )
  assert.equal(new Set(names).size, names.length)
})

for (const { entry, command } of loaded) {
  test(`${command.name} describes itself fully`, () => {
    assert.match(command.summary, /^[A-Z].*[^.]$/)
    assert.ok(command.summary.length <= 90, "the summary is one line of the list of commands")
    assert.ok(entry.hidden === true || command.examples.length > 0, "there is an example")
    for (const example of command.examples) assert.match(example.command, /skerry /)
  })

  test(`${command.name} has options that can be told apart`, () => {
    const options = Object.entries(command.options)
    const shorts = options.flatMap(([, spec]) => spec.short ?? [])
    assert.equal(new Set(["h", ...shorts]).size, shorts.length + 1)
    for (const [name, spec] of options) {
      assert.match(name, /^[a-z][a-z0-9-]+$/)
      assert.notEqual(name, "help")
      assert.match(spec.short ?? "x", /^[A-Za-z]$/)
    }
    assert.ok(command.arguments.filter(({ many }) => many === true).length <= 1)
  })

  test(`${command.name} --help is help, within the terminal`, () => {
    assert.equal(parseArguments(command, ["--help"]).kind, "help")
    const description = commandHelp(command, 60)
      .split("\n\n")
      .slice(2, 2 + (command.description?.length ?? 0))
    for (const line of description.join("\n").split("\n")) assert.ok(line.length <= 60, line)
  })
}
