import assert from "node:assert/strict"
import { test } from "node:test"
import { POLICY_LIMITS } from "./limits.ts"
import { loadPolicy } from "./load.ts"
import { PolicyError } from "./policy-error.ts"
import { mergeDirectories } from "./policy-files.ts"

const RULE = "a.One * mail work allow"

function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  try {
    loadPolicy(new Map(Object.entries(files)))
    return []
  } catch (error) {
    assert.ok(error instanceof PolicyError)
    return error.problems.map(({ file, line, message }) => `${file}:${line} ${message}`)
  }
}

test("no files are a policy without rules", () => {
  assert.deepEqual(loadPolicy(new Map()).rules, [])
})

test("an error says the first mistake's place, and lists at most so many", () => {
  const files = new Map([["30-a.policy", Array<string>(100).fill("bad").join("\n")]])
  assert.throws(
    () => loadPolicy(files),
    (error: PolicyError) =>
      error.code === "syntax" &&
      error.file === "30-a.policy" &&
      error.line === 1 &&
      error.problems.length === POLICY_LIMITS.problems,
  )
})

test("lines end as files of any system end them, and words are parted as the reference parts them", () => {
  const { rules } = loadPolicy(
    new Map([["30-a.policy", `${RULE}\r\n\u00a0# note\r\ta.Two\x1f*\u2003mail work deny\n`]]),
  )
  assert.deepEqual(
    rules.map(({ line, service }) => [line, service]),
    [
      [1, "a.One"],
      [3, "a.Two"],
    ],
  )
})

test("a file may be as large as the limit, and no larger", () => {
  const filled = (characters: number) => {
    const comment = `#${"x".repeat(1022)}\n`
    const text = comment.repeat(Math.floor(characters / comment.length))
    return text + "\n".repeat(characters - text.length)
  }
  assert.deepEqual(problemsOf({ "30-a.policy": filled(POLICY_LIMITS.fileCharacters) }), [])
  assert.match(
    problemsOf({ "30-a.policy": filled(POLICY_LIMITS.fileCharacters + 1) }).join(),
    /^30-a.policy:0 "30-a.policy" has 4194305 characters/,
  )
})

test("a line may be as long as the limit, and no longer", () => {
  const line = (characters: number) => `#${"x".repeat(characters - 1)}`
  assert.deepEqual(problemsOf({ "30-a.policy": line(POLICY_LIMITS.lineCharacters) }), [])
  assert.match(
    problemsOf({ "30-a.policy": line(POLICY_LIMITS.lineCharacters + 1) }).join(),
    /^30-a.policy:1 The line has/,
  )
})

test("files may be as many as the limit, and no more", () => {
  const files = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}.policy`, ""]))
  assert.deepEqual(problemsOf(files(POLICY_LIMITS.files)), [])
  assert.match(problemsOf(files(POLICY_LIMITS.files + 1)).join(), /There are 4097 files/)
})

test("rules may be as many as the limit, and no more", () => {
  const rules = (count: number) => ({ "30-a.policy": `${RULE}\n`.repeat(count) })
  assert.deepEqual(problemsOf(rules(POLICY_LIMITS.rules)), [])
  assert.deepEqual(problemsOf(rules(POLICY_LIMITS.rules + 1)), [
    `30-a.policy:${POLICY_LIMITS.rules + 1} There are more than ${POLICY_LIMITS.rules} rules`,
  ])
})

test("files may include each other as often in a row as the limit, and no more", () => {
  const chain = (length: number) =>
    Object.fromEntries([
      ["30-a.policy", "!include 1"],
      ...Array.from({ length: length - 1 }, (_, at) => [
        `${at + 1}`,
        at + 2 < length ? `!include ${at + 2}` : RULE,
      ]),
    ])
  assert.deepEqual(problemsOf(chain(POLICY_LIMITS.includeDepth)), [])
  assert.match(
    problemsOf(chain(POLICY_LIMITS.includeDepth + 1)).join(),
    /^15:1 More than 16 files include each other/,
  )
})

test("includes that double what is read at each step end at the limit of lines, told once", () => {
  const files = Object.fromEntries(
    Array.from({ length: 15 }, (_, at) => [
      at === 0 ? "30-a.policy" : `${at}`,
      `!include ${at + 1}\n`.repeat(9),
    ]),
  )
  const problems = problemsOf({ ...files, "15": "" })
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? "", /More than 500000 lines are read/)
})

test("the same file may be included twice, but not by itself", () => {
  const files = { "30-a.policy": "!include x\n!include ./x", x: RULE }
  assert.equal(loadPolicy(new Map(Object.entries(files))).rules.length, 2)
  assert.deepEqual(problemsOf({ "30-a.policy": "!include 30-a.policy" }), [
    "30-a.policy:1 Files include each other in a circle: 30-a.policy → 30-a.policy",
  ])
})

test("names like those of every object's members are names", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    const { rules } = loadPolicy(new Map([["30-a.policy", `${name} * ${name} @tag:${name} allow`]]))
    assert.equal(rules[0]?.service, name)
  }
})

test("of files with one path the first directory's counts", () => {
  const merged = mergeDirectories([
    new Map([["a.policy", "1"]]),
    new Map([
      ["a.policy", "2"],
      ["b.policy", "3"],
    ]),
  ])
  assert.deepEqual(
    [...merged],
    [
      ["a.policy", "1"],
      ["b.policy", "3"],
    ],
  )
})
