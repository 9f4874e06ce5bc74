import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { callQuestion, PromptHost } from "./support/prompt-host.ts"

/* `skerry audit` and `skerry grants`, as processes of their own. */

function record(host: PromptHost): void {
  const { audit } = host
  const call = { call: "c1", source: "mail", service: "qubes.Filecopy", requestedTarget: "work" }
  audit.append({ kind: "decision", ...call, argument: "", verdict: "ask", rule: "30-user.policy:4" })
  audit.append({
    kind: "prompt",
    ...call,
    verdict: "allow",
    target: "work",
    answeredBy: "terminal",
    scope: "domain",
  })
  audit.append({ kind: "call-end", call: "c1", bytesUp: 5, bytesDown: 7, durationMs: 12, exit: "0" })
  const hostile = "\u001b]0;title\u0007\u202e\n"
  audit.append({
    kind: "decision",
    call: "c2",
    source: "bank",
    service: hostile,
    verdict: "deny",
    why: "no rule matched",
  })
}

test("the log is a table, one line for each record, and nothing in it moves the cursor", async () => {
  await using host = await PromptHost.open()
  record(host)
  const { status, stdout } = await host.home.run(["audit"])
  assert.equal(status, 0)
  const lines = stdout.trimEnd().split("\n")
  assert.equal(lines.length, 1 + 6, stdout)
  assert.match(lines[0] ?? "", /^TIME +WHAT +FROM +SERVICE +TO +CALL +REMARKS$/)
  assert.match(
    lines[3] ?? "",
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}ask +mail {2}qubes\.Filecopy +work {2}c1 +30-user\.policy:4$/,
  )
  assert.match(lines[4] ?? "", /answered: allow .* by terminal, for: domain$/)
  assert.match(lines[5] ?? "", /end .* exit 0, 12 ms, 5 bytes up, 7 down$/)
  assert.match(lines[6] ?? "", /deny +bank {2}\\u001b\]0;title\\u0007\\u202e\\u000a .* no rule matched$/)
})

test("filters, and JSON one object per line", async () => {
  await using host = await PromptHost.open()
  record(host)
  const rows = async (...words: string[]) => {
    const { stdout } = await host.home.run(["audit", "--json", ...words])
    return stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]))
  }
  assert.deepEqual(
    (await rows("--source", "bank")).map(({ call }) => call),
    ["c2"],
  )
  assert.deepEqual(
    (await rows("--target", "work", "--since", "1h")).map(({ kind }) => kind),
    ["decision", "prompt", "call-end"],
  )
  assert.deepEqual(await rows("--service", "no.Such"), [])
  assert.deepEqual(await rows("--since", "2999-01-01"), [])
  const wrong = await host.home.run(["audit", "--since", "yesterday"])
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /"yesterday" is no time: write 90m, 2d/)
})

test("followed, it shows records as they come", async () => {
  await using host = await PromptHost.open()
  const child = host.home.spawn("audit", "--follow", "--source", "mail")
  let shown = ""
  child.stdout?.on("data", (chunk) => {
    shown += String(chunk)
  })
  record(host)
  while (!shown.includes("exit 0"))
    await once(child.stdout ?? child, "data", { signal: AbortSignal.timeout(20_000) })
  assert.match(shown, /ask mail qubes\.Filecopy → work \(c1\) 30-user\.policy:4\n/)
  child.kill("SIGINT")
  await once(child, "close")
  assert.doesNotMatch(shown, /bank/)
})

test("a log is checked: whole, and with what is wrong with it", async () => {
  await using host = await PromptHost.open()
  record(host)
  const whole = await host.home.run(["audit", "verify"])
  const [, seq, hash] = /^whole \(6 records, 1 to 6\)\nhead (\d+):([0-9a-f]{64})\n$/.exec(whole.stdout) ?? []
  assert.deepEqual([whole.status, seq], [0, "6"], whole.stdout)
  const anchored = await host.home.run(["audit", "verify", "--head", `6:${hash}`])
  assert.equal(anchored.status, 0)
  const path = join(host.home.folder, "state/audit/000001.jsonl")
  writeFileSync(path, readFileSync(path, "utf8").replace('"target":"work"', '"target":"bank"'))
  const changed = await host.home.run(["audit", "verify"])
  assert.equal(changed.status, 1)
  assert.match(
    changed.stdout,
    /^000001\.jsonl, line 4: record 4 was changed\nNOT WHOLE: 1 problem \(6 records, 1 to 6\)\n/,
  )
  const noRecord = await host.home.run(["audit", "verify", "--head", "6:abc"])
  assert.equal(noRecord.status, 2)
})

test("remembered answers are listed and revoked, and revoking is recorded", async () => {
  await using host = await PromptHost.open()
  const { remembered } = host
  const allow = { kind: "allow", target: "work", by: "terminal" } as const
  const until = Date.now() + 3_600_000
  await remembered.add(
    { ...callQuestion, requestedTarget: "@default" },
    { ...allow, scope: { kind: "until", until } },
    Date.now(),
  )
  await remembered.add(
    callQuestion,
    { kind: "deny", scope: { kind: "never" }, why: "user", by: "terminal" },
    Date.now(),
  )
  await remembered.add(
    { ...callQuestion, source: "bank" },
    { ...allow, scope: { kind: "domain" } },
    Date.now(),
  )
  const listed = await host.home.run(["grants"])
  const lines = listed.stdout.trimEnd().split("\n")
  assert.match(
    lines[1] ?? "",
    /^ 1 {2}allow +mail +qubes\.Filecopy +work \(asked for any\) +until \d{4}-.* +terminal$/,
  )
  assert.match(lines[2] ?? "", /^ 2 {2}deny +mail +qubes\.Filecopy +vault +until revoked /)
  assert.match(
    lines[3] ?? "",
    /^ 3 {2}allow +bank +qubes\.Filecopy +work \(asked for vault\) +while bank runs /,
  )
  assert.equal((await host.home.run(["grants", "revoke", "2"])).stdout, "Revoked 1\n")
  const unknown = await host.home.run(["grants", "revoke", "2"])
  assert.deepEqual(
    [unknown.status, unknown.stderr.split("\n")[0]],
    [1, 'skerry grants: There is no remembered answer 2: "skerry grants" lists them'],
  )
  assert.equal((await host.home.run(["grants", "revoke"])).status, 2)
  assert.equal((await host.home.run(["grants", "revoke", "--all", "1"])).status, 2)
  assert.equal((await host.home.run(["grants", "revoke", "--all"])).stdout, "Revoked 2\n")
  assert.deepEqual(await host.home.list("grants"), [])
  const { stdout } = await host.home.run(["audit", "--json"])
  assert.equal(stdout.match(/"kind":"grant"/g)?.length, 3)
})
