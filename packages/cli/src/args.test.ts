import assert from "node:assert/strict"
import { test } from "node:test"
import { parseArguments } from "./args.ts"
import { defineCommand } from "./command.ts"

const sample = defineCommand({
  name: "run",
  summary: "Run",
  arguments: [
    { name: "INSTANCE", required: true },
    { name: "LEVEL", required: false, choices: ["vm", "process"] },
  ],
  rest: "CMD…",
  options: {
    disposable: { kind: "flag", short: "d", summary: "" },
    terminal: { kind: "flag", short: "t", summary: "" },
    user: { kind: "value", short: "u", placeholder: "NAME", choices: ["user", "root"], summary: "" },
    environment: { kind: "list", short: "e", placeholder: "NAME=VALUE", summary: "" },
  },
  examples: [],
  run: async () => 0,
})

const none = { disposable: false, terminal: false, user: undefined, environment: [] }

function parse(line: string) {
  const result = parseArguments(sample, line === "" ? [] : line.split(" "))
  return result.kind === "help" ? "help" : result.args
}

const good: Readonly<Record<string, object>> = {
  mail: { options: none, positionals: ["mail"], rest: undefined },
  "mail vm": { options: none, positionals: ["mail", "vm"], rest: undefined },
  "-d mail -t": {
    options: { ...none, disposable: true, terminal: true },
    positionals: ["mail"],
    rest: undefined,
  },
  "-dt mail": {
    options: { ...none, disposable: true, terminal: true },
    positionals: ["mail"],
    rest: undefined,
  },
  "-dd mail": { options: { ...none, disposable: true }, positionals: ["mail"], rest: undefined },
  "-du root mail": {
    options: { ...none, disposable: true, user: "root" },
    positionals: ["mail"],
    rest: undefined,
  },
  "-uroot mail": { options: { ...none, user: "root" }, positionals: ["mail"], rest: undefined },
  "--user=root mail": { options: { ...none, user: "root" }, positionals: ["mail"], rest: undefined },
  "-e A=1 --environment=B=2 -e -x mail": {
    options: { ...none, environment: ["A=1", "B=2", "-x"] },
    positionals: ["mail"],
    rest: undefined,
  },
  "mail -- ls -l --help --": { options: none, positionals: ["mail"], rest: ["ls", "-l", "--help", "--"] },
  "mail --": { options: none, positionals: ["mail"], rest: [] },
}
for (const [line, expected] of Object.entries(good)) {
  test(`"${line}" is understood`, () => assert.deepEqual(parse(line), expected))
}

for (const line of ["--help", "-h", "mail --help", "-d -h", "--help --unknown"]) {
  test(`"${line}" asks for help`, () => assert.equal(parse(line), "help"))
}

const bad: Readonly<Record<string, string>> = {
  "": "INSTANCE is missing",
  "--dispsable mail": 'Unknown option "--dispsable": did you mean --disposable?',
  "--quite-another mail": 'Unknown option "--quite-another"',
  "--constructor mail": 'Unknown option "--constructor"',
  "-x mail": 'Unknown option "-x"',
  "-dx mail": 'Unknown option "-x" in "-dx"',
  "--disposable=yes mail": 'Option --disposable takes no value, found "yes"',
  "mail --user": "Option --user needs a value: --user NAME",
  "mail -u": "Option -u needs a value: -u NAME",
  "mail -u rot": 'Cannot use "rot" for option -u: did you mean root?',
  "mail -u nobody": 'Cannot use "nobody" for option -u: use user or root',
  "mail -u user -u root": "Option --user is given twice",
  "mail vms": 'Cannot use "vms" for LEVEL: did you mean vm?',
  "mail vm ls": 'Unexpected argument "ls": CMD… goes after --',
}
for (const [line, message] of Object.entries(bad)) {
  test(`"${line}" is refused`, () => assert.throws(() => parse(line), { code: "usage", message }))
}

test("a command without a rest takes nothing after --", () => {
  const { rest: _, ...plain } = sample
  assert.throws(() => parseArguments(plain, ["mail", "--", "ls"]), /takes nothing after --, found "ls"/)
  assert.equal(parseArguments(plain, ["mail", "--"]).kind, "parsed")
})

test("the last argument may take all that follow", () => {
  const many = defineCommand({ ...sample, arguments: [{ name: "INSTANCE", required: true, many: true }] })
  const result = parseArguments(many, ["a", "b", "c"])
  assert.deepEqual(result.kind === "parsed" && result.args.positionals, ["a", "b", "c"])
  assert.throws(() => parseArguments(many, []), /INSTANCE is missing/)
})
