import assert from "node:assert/strict"
import { test } from "node:test"
import {
  CallFailure,
  type Handler,
  handler,
  type KeepRule,
  STATE_METHODS,
  type TreeRow,
  type VersionRow,
} from "@skerry/rpc"
import { runCommandLine } from "../testing.ts"
import { scriptedDaemon, terminalTyping } from "./testing.ts"

const row = (version: number, more: Partial<VersionRow> = {}): VersionRow => ({
  version,
  digest: `sha256:${String(version).repeat(64).slice(0, 64)}`,
  time: new Date(2026, 10, 21, 11, version).getTime(),
  reason: "stop",
  note: "",
  files: 10 * version,
  bytes: 1_000_000 * version,
  ...more,
})
const VERSIONS = [row(1), row(2, { reason: "manual", note: "before \u001b[31mit" })]

const lines = (rows: readonly unknown[]) => rows.map((each) => `${JSON.stringify(each)}\n`).join("")

const logOf = (expected: string): Handler =>
  handler(STATE_METHODS.stateLog, ({ tree }, { stdout }) => {
    assert.equal(tree, expected)
    stdout.write(lines(VERSIONS))
    return undefined
  })

test("log shows versions as a table, with what a person wrote made harmless, and as JSON lines", async () => {
  await using daemon = await scriptedDaemon([logOf("mail")])
  const shown = await daemon.run("state", "log", "mail")
  assert.equal(shown.stderr, "")
  assert.deepEqual(shown.stdout.split("\n"), [
    "VERSION  MADE                 WHY             FILES    SIZE  DIGEST        NOTE",
    "      1  2026-11-21 11:01:00  domain stopped     10  1.0 MB  111111111111",
    "      2  2026-11-21 11:02:00  by hand            20  2.0 MB  222222222222  before \\u001b[31mit",
    "",
  ])
  const json = await daemon.run("state", "log", "mail", "--json")
  assert.equal(json.stdout, lines(VERSIONS))
})

test("an instance stands for its tree; of several one is named; a tree of none is left to the store", async () => {
  await using daemon = await scriptedDaemon([
    handler(STATE_METHODS.stateSnapshot, ({ tree }) => {
      if (tree === "gone") throw new CallFailure("unknown-tree", `There is no tree "${tree}"`)
      return { version: 3, digest: tree, isNew: true }
    }),
  ])
  const snapshot = async (name: string) => {
    const { stdout, stderr } = await daemon.run("state", "snapshot", name)
    return stdout + stderr
  }
  assert.equal(await snapshot("mail"), "Version 3 of mail holds it as it is now\n")
  assert.equal(await snapshot("shared"), "Version 3 of shared holds it as it is now\n")
  assert.equal(await snapshot("tree:work"), "Version 3 of work holds it as it is now\n")
  assert.match(await snapshot("work"), /Instance "work" has several trees, name one: projects, shared/)
  assert.match(await snapshot("pdf"), /Instance "pdf" keeps nothing/)
  assert.match(await snapshot("mial"), /no instance "mial": did you mean mail\?/)
  assert.equal(await snapshot("gone"), 'skerry state: There is no tree "gone"\n')
  assert.match(await snapshot("../x"), /Cannot use "\.\.\/x" as a tree name/)
})

test("rollback says what it does and how to undo it, and does nothing unasked", async () => {
  const asked: string[] = []
  await using daemon = await scriptedDaemon([
    logOf("mail"),
    handler(STATE_METHODS.stateRollback, ({ version }) => {
      asked.push(version)
      return { kept: 3, version: 4, digest: "sha256:44" }
    }),
  ])
  const unasked = await daemon.run("state", "rollback", "mail", "1")
  assert.equal(unasked.status, 1)
  assert.match(unasked.stderr, /There is no terminal to ask on.*With --yes it is done unasked/)
  assert.deepEqual(asked, [])
  const done = await daemon.run("state", "rollback", "mail", "22222222", "--yes")
  assert.deepEqual(done, {
    status: 0,
    stderr: "",
    stdout: "mail is as it was at version 2\nTo undo this: skerry state rollback mail 3\n",
  })
  assert.deepEqual(asked, ["2"])
  assert.match((await daemon.run("state", "rollback", "mail", "7", "-y")).stderr, /mail has no version "7"/)
  assert.equal((await daemon.run("state", "rollback", "mail", "now", "-y")).status, 2)
})

for (const [typed, status] of [
  ["y\n", 0],
  ["n\n", 1],
  ["\n", 1],
] as const) {
  test(`on a terminal rollback asks first, and ${JSON.stringify(typed)} has status ${status}`, async () => {
    await using daemon = await scriptedDaemon([
      logOf("mail"),
      handler(STATE_METHODS.stateRollback, () => ({ kept: 3, version: 4, digest: "" })),
    ])
    const { stdin, stderr } = terminalTyping("[y/N] ", typed)
    const run = await runCommandLine(["state", "rollback", "mail", "1"], {
      paths: daemon.paths,
      stdin,
      stderr,
    })
    assert.equal(run.status, status)
    assert.equal(run.stdout !== "", status === 0)
  })
}

test("restore brings one path back, to another place if that is said, and tells the way back", async () => {
  await using daemon = await scriptedDaemon([
    handler(STATE_METHODS.stateRestorePath, ({ tree, version, path, to }) => {
      assert.deepEqual([tree, version], ["mail", "2"])
      assert.equal(Buffer.from(path).toString(), "Documents/a b")
      return { kept: 5, version: Buffer.from(to).toString() === "b" ? 6 : 7 }
    }),
  ])
  const run = await daemon.run("state", "restore", "mail", "/Documents/a b", "--version", "2", "--to", "b")
  assert.equal(
    run.stdout,
    "b of mail is back, as it was at version 2\nTo undo this: skerry state rollback mail 5\n",
  )
  assert.match((await daemon.run("state", "restore", "mail", "a")).stderr, /Say from where: --version N/)
  assert.match(
    (await daemon.run("state", "restore", "mail", "a/../b", "--version", "2")).stderr,
    /has no "\.\." in it/,
  )
})

test("prune shows what goes, asks, and needs to be told what is kept", async () => {
  const rules: (KeepRule & { dryRun: boolean })[] = []
  await using daemon = await scriptedDaemon([
    handler(STATE_METHODS.statePrune, ({ keep, dryRun }, { stdout, send }) => {
      rules.push({ ...keep, dryRun })
      stdout.write(lines([{ tree: "mail", version: 1, isKept: false, why: "" }]))
      stdout.write(lines([{ tree: "mail", version: 2, isKept: true, why: "last" }]))
      send({ done: 1n, total: 2n })
      return { removed: 1, freedBytes: 5_000_000n }
    }),
  ])
  assert.match((await daemon.run("state", "prune")).stderr, /Say what to keep: --keep-last 10/)
  assert.match(
    (await daemon.run("state", "prune", "--keep-last", "x")).stderr,
    /Cannot use "x" for --keep-last/,
  )
  assert.deepEqual(rules, [])
  const dry = await daemon.run("state", "prune", "mail", "--keep-last", "1", "-n")
  assert.match(dry.stdout, /mail +1 {2}REMOVED/)
  assert.match(dry.stdout, /1 version would be removed, which frees about 5\.0 MB/)
  const refused = await daemon.run("state", "prune", "--keep-last", "1", "--keep-daily", "3")
  assert.match(refused.stderr, /Nothing brings a removed version back but a backup/)
  assert.equal((await daemon.run("state", "prune", "--keep-last", "1", "--yes")).status, 0)
  assert.deepEqual(
    rules.map(({ last, daily, yearly, dryRun }) => [last, daily, yearly, dryRun]),
    [
      [1, 0, 0, true],
      [1, 3, 0, true],
      [1, 0, 0, true],
      [1, 0, 0, false],
    ],
  )
})

const TREE: TreeRow = {
  tree: "mail",
  files: 12,
  bytes: 3_000_000,
  quotaBytes: 2_000_000_000,
  quotaFiles: 0,
  versions: 2,
  clients: 1,
}
const treesHandler = handler(STATE_METHODS.stateTrees, (_, { stdout }) => {
  stdout.write(lines([TREE]))
  return undefined
})

test("trees, quota and remove say what there is, what it may become, and that nothing brings it back", async () => {
  const quotas: unknown[] = []
  await using daemon = await scriptedDaemon([
    treesHandler,
    handler(STATE_METHODS.stateSetQuota, (params) => {
      quotas.push(params)
      return undefined
    }),
    handler(STATE_METHODS.stateRemoveTree, () => undefined),
  ])
  assert.match((await daemon.run("state", "trees")).stdout, /mail +12 +3\.0 MB +2\.0 GB +2 +1\n/)
  assert.equal((await daemon.run("state", "quota", "mail", "--files", "100")).status, 0)
  assert.equal((await daemon.run("state", "quota", "mail", "--size", "1GiB", "--files", "none")).status, 0)
  assert.deepEqual(quotas, [
    { tree: "mail", bytes: 2_000_000_000n, files: 100n },
    { tree: "mail", bytes: 1_073_741_824n, files: 0n },
  ])
  assert.equal((await daemon.run("state", "quota", "mail", "--size", "much")).status, 2)
  const removed = await daemon.run("state", "remove", "mail")
  assert.match(
    removed.stderr,
    /All of mail is forgotten \(12 files, 3\.0 MB, and 2 versions\)\. Only a backup or an export/,
  )
  assert.equal((await daemon.run("state", "remove", "mail", "-y")).stdout, "mail is forgotten\n")
})

test("verify has status 1 where something is damaged, and names it", async () => {
  const damage = { problem: "a chunk\nis gone", tree: "mail", versions: [0, 2], path: "a\u001bb" }
  for (const rows of [[], [damage]]) {
    await using daemon = await scriptedDaemon([
      handler(STATE_METHODS.stateVerify, (_, { stdout }) => {
        stdout.write(lines(rows))
        return { objects: 9n, damaged: BigInt(rows.length) }
      }),
    ])
    const { status, stdout } = await daemon.run("state", "verify")
    assert.equal(status, rows.length)
    if (rows.length === 0) assert.equal(stdout, "All is as it should be (objects: 9)\n")
    else
      assert.match(stdout, /^a chunk\\u000ais gone: mail, "a\\u001bb" \(versions: now, 2\)\nDAMAGED: 1 of 9/)
  }
})

test("an action without the words that it needs, or with too many, is told how it goes", async () => {
  for (const [words, said] of [
    [["rollback", "mail"], /VERSION is missing: skerry state rollback INSTANCE VERSION/],
    [["verify", "mail"], /Unexpected argument "mail": skerry state verify/],
    [["log"], /INSTANCE is missing/],
    [["lgo"], /did you mean log\?/],
  ] as const) {
    const { status, stderr } = await runCommandLine(["state", ...words])
    assert.equal(status, 2)
    assert.match(stderr, said)
  }
})
