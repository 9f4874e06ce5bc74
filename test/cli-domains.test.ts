import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { after, test } from "node:test"
import { setTimeout } from "node:timers/promises"
import type { DaemonStatus, DomainRow, LogRow } from "@skerry/rpc"
import { eventually, openBuiltHome } from "./support/built-home.ts"
import { ended, said } from "./support/command-line.ts"

/* Domains that stay: exec, ps, logs, stop, pause and resume, on virtual machines. */
const home = await openBuiltHome()
after(() => home[Symbol.asyncDispose]())

const rowOf = async (domain: string) =>
  (await home.list<DomainRow>("ps")).find((row) => row.domain === domain)

test("--detach starts a domain and prints its name; ps says what runs and how it is kept apart", async () => {
  assert.deepEqual(await home.run(["run", "--detach", "mail"]), { status: 0, stdout: "mail\n", stderr: "" })
  await home.run(["run", "light", "--", "true"])
  const mail = (await rowOf("mail")) ?? assert.fail("mail is not listed")
  const { state, isolation, backend, isDisposable, commands } = mail
  assert.deepEqual([state, isolation, backend, isDisposable, commands], ["running", "vm", "qemu", false, []])
  assert.ok((mail.uid ?? 0) >= 1_900_000_000, `uid ${mail.uid}`)
  const processes = new Set((await home.list<DomainRow>("ps")).map(({ uid }) => uid))
  assert.equal(processes.size, 2, "each domain has an account of its own")
  assert.match(readFileSync(`/proc/${mail.pid}/cmdline`, "latin1"), /qemu-system/)
  assert.ok((mail.memoryBytes ?? 0) > 10_000_000, `${mail.memoryBytes} bytes`)
  const light = (await rowOf("light")) ?? assert.fail("light is not listed")
  assert.deepEqual([light.isolation, light.backend], ["process", "bubblewrap"])
  assert.ok((light.memoryBytes ?? 0) > 10_000_000, `${light.memoryBytes} bytes`)
  const { stdout } = await home.run(["ps"])
  const [titles = "", ...lines] = stdout.trimEnd().split("\n")
  assert.match(titles, /^DOMAIN +STATE +ISOLATION +GENERATION +UP +MEMORY +COMMANDS$/)
  assert.match(lines.join("\n"), /^light +running +process .*\nmail +running +vm /)
})

test("a reader that stops holds up its own command only, and the daemon's memory stays bounded", async () => {
  const status = async () =>
    JSON.parse((await home.run(["daemon", "--status", "--json"])).stdout) as DaemonStatus
  await home.run(["run", "mail", "--", "true"])
  const before = (await status()).memoryBytes
  const flood = ["head", "-c", "400000000", "/dev/zero"]
  const stopped = [1, 2].map(() => home.spawn("exec", "mail", "--", ...flood))
  // Nobody reads their outputs: 64 KB here and there are buffered, and no more.
  await Promise.all(stopped.map(({ stdout }) => once(stdout ?? assert.fail(), "readable")))
  const others = await Promise.all(
    [1, 2, 3, 4, 5].map((n) => home.run(["exec", "mail", "--", "sh", "-c", `cat; exit ${n}`], `input ${n}`)),
  )
  assert.deepEqual(
    others.map(({ status, stdout }) => [status, stdout]),
    [1, 2, 3, 4, 5].map((n) => [n, `input ${n}`]),
  )
  assert.equal((await rowOf("mail"))?.commands.length, 2)
  const grown = (await status()).memoryBytes - before
  assert.ok(grown < 64_000_000, `grew by ${grown} bytes`)
  for (const child of stopped) child.kill("SIGKILL")
  await eventually("their commands end", async () => (await rowOf("mail"))?.commands.length === 0)
})

test("logs tell what happened, while it happens too", async () => {
  const follow = home.spawn("logs", "-f", "mail")
  await said(follow, /running/)
  await home.run([
    "exec",
    "-u",
    "root",
    "mail",
    "--",
    "sh",
    "-c",
    "echo 'from \u001b[31mthe guest' > /dev/console",
  ])
  const heard = await said(follow, /\| from .*the guest/)
  assert.ok(!heard.includes("\u001b"), "controls of a guest are shown, not obeyed")
  follow.kill("SIGINT")
  const [status] = (await once(follow, "exit")) as [number]
  assert.equal(status, 130)
  const rows = (await home.run(["logs", "--json", "mail"])).stdout.trimEnd().split("\n")
  const kinds = new Set(rows.map((row) => (JSON.parse(row) as LogRow).kind))
  assert.deepEqual([...kinds].sort(), ["command", "console", "domain"])
})

test("a paused domain does nothing and refuses commands; resumed, it goes on with the right time", async () => {
  const ticker = home.spawn("exec", "mail", "--", "sh", "-c", "while sleep 0.1; do echo tick; done")
  const { stdout: ticks = null } = ticker
  if (ticks === null) return assert.fail()
  await said(ticker, /tick/)
  assert.equal((await home.run(["pause", "mail"])).status, 0)
  assert.equal((await rowOf("mail"))?.state, "paused")
  // What had left before is read; then silence, for ten times as long as a tick takes.
  while (await Promise.race([once(ticks, "data"), setTimeout(1_000, null)])) {}
  const refused = await home.run(["exec", "mail", "--", "true"])
  assert.deepEqual([refused.status, refused.stderr.split("\n").length], [125, 2])
  assert.match(refused.stderr, /"mail" is paused: "skerry resume mail" lets it go on/)
  const again = once(ticks, "data")
  assert.equal((await home.run(["resume", "mail"])).status, 0)
  await again
  const { stdout } = await home.run(["exec", "mail", "--", "date", "+%s"])
  assert.ok(Math.abs(Number(stdout) - Date.now() / 1000) < 3, `${stdout.trim()} against ${Date.now() / 1000}`)
  ticker.kill("SIGTERM")
  await once(ticker, "close")
})

test("pause and resume twice are no mistake; of what does not run they say so", async () => {
  for (const word of ["pause", "pause", "resume", "resume"]) {
    assert.equal((await home.run([word, "mail"])).status, 0)
  }
  for (const words of [["pause"], ["resume"], ["stop"], ["exec", "bank", "--", "true"]]) {
    const { status, stderr } = await home.run(words.length === 1 ? [...words, "bank"] : words)
    assert.equal(status, words.length === 1 ? 1 : 125)
    assert.match(stderr, /^skerry \w+: No domain "bank" runs: "skerry ps" lists those that do\n$/)
  }
})

test("stop ends a domain with all its commands, which are told why", async () => {
  const child = home.spawn("exec", "light", "--", "sleep", "1000")
  const end = ended(child)
  await eventually("the command runs", async () => (await rowOf("light"))?.commands.length === 1)
  const { pid = 0 } = (await rowOf("light")) ?? {}
  assert.equal((await home.run(["stop", "--force", "light", "mail"])).status, 0)
  const { status, stderr } = await end
  assert.equal(status, 125)
  assert.match(stderr, /^skerry exec: The command in "light" was cut off: the domain was stopped\n$/)
  assert.deepEqual(await home.list("ps"), [])
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" })
})

test("a virtual machine ends by itself when it is asked to", async () => {
  await home.run(["run", "mail", "--", "true"])
  const startMs = performance.now()
  assert.equal((await home.run(["stop", "mail"])).status, 0)
  const tookMs = performance.now() - startMs
  assert.ok(tookMs < 4_000, `it took ${tookMs} ms: it was killed in the end`)
})
