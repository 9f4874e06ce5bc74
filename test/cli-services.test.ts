import assert from "node:assert/strict"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, beforeEach, test } from "node:test"
import { openBuiltHome } from "./support/built-home.ts"

/* The everyday services between real domains of level process: programs of the image, through agents and daemon. */

let home: Awaited<ReturnType<typeof openBuiltHome>>
let folder: string
const policy = () => join(home.folder, "config/policy.d/30-services.policy")

before(async () => {
  home = await openBuiltHome()
  mkdirSync(join(policy(), ".."), { recursive: true })
  const allowed = [
    "qubes.Filecopy",
    "qubes.VMExec",
    "qubes.VMShell",
    "qubes.GetDate",
    "skerry.FileRead",
    "skerry.ClipboardRead",
  ]
  const rules = allowed.map((service) => `${service} * light other allow\n`)
  writeFileSync(policy(), `${rules.join("")}qubes.ClipboardPaste * light other deny\n`)
  folder = mkdtempSync(join(tmpdir(), "skerry-services-"))
})
after(async () => {
  rmSync(policy(), { force: true })
  rmSync(folder, { recursive: true })
  await home[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await home.run(["stop", "-f", "light", "other"])
})

const LONG = Buffer.alloc(6_000_000, "0123456789abcde\n")

async function ok(words: readonly string[], input: string | Buffer = ""): Promise<string> {
  const { status, stdout, stderr } = await home.run(words, input)
  assert.equal(status, 0, `skerry ${words.join(" ")}: ${stderr}`)
  return stdout
}

const inside = (instance: string, script: string, input: string | Buffer = "") =>
  ok(["run", instance, "--", "bash", "-c", script], input)

test("files and trees go in, out and across, whole and as they were", async () => {
  const tree = join(folder, "tree")
  mkdirSync(join(tree, "inner"), { recursive: true })
  writeFileSync(join(tree, "long"), LONG)
  symlinkSync("../long", join(tree, "inner/link"))
  await ok(["cp", tree, "light:"])
  await ok(["cp", "light:QubesIncoming/dom0/tree", "other:"])
  assert.equal(await inside("other", "readlink QubesIncoming/light/tree/inner/link"), "../long\n")
  const back = join(folder, "back")
  mkdirSync(back)
  await ok(["cp", "other:QubesIncoming/light/tree", back])
  assert.ok(readFileSync(join(back, "tree/long")).equals(LONG))
  assert.equal(readlinkSync(join(back, "tree/inner/link")), "../long")
  // Once more is fine; something else under the name is not.
  await ok(["cp", "other:QubesIncoming/light/tree", back])
  writeFileSync(join(back, "tree/long"), "mine")
  const { status, stderr } = await home.run(["cp", "other:QubesIncoming/light/tree", back])
  assert.equal(status, 1)
  assert.match(stderr, /tree\/long" exists already/)
  assert.equal(readFileSync(join(back, "tree/long"), "utf8"), "mine")
})

test("a domain copies to another one where the policy allows it, and only there", async () => {
  await inside("light", "echo hello > note; qvm-copy-to-vm other note; skerry-cp note other:")
  assert.equal(await inside("other", "cat QubesIncoming/light/note"), "hello\n")
  const { status, stderr } = await home.run([
    "run",
    "other",
    "--",
    "qvm-copy-to-vm",
    "light",
    "/etc/hostname",
  ])
  assert.equal(status, 1)
  assert.match(stderr, /The call was refused/)
})

test("a copy that was killed goes on where it stopped", async () => {
  const size = 60_000_000
  await inside("light", `head -c ${size} /dev/zero | tr '\\0' x > long`)
  await inside("other", "true")
  const copy = home.spawn("cp", "light:long", "other:")
  const kept = "stat -c %s QubesIncoming/light/.skerry-partial/* 2>/dev/null || echo 0"
  for (const deadline = Date.now() + 20_000; Number(await inside("other", kept)) < 1_000_000; ) {
    assert.ok(Date.now() < deadline, "the copy has begun")
  }
  copy.kill("SIGKILL")
  const had = Number(await inside("other", kept))
  assert.ok(had < size, "the copy was cut off in the middle")
  const { stderr } = await home.run(["cp", "light:long", "other:"])
  const [, sent = ""] = /done, ([\d.]+) MB/.exec(stderr) ?? []
  assert.ok(Number(sent) * 1e6 <= size - had + 1e6, `${had} bytes were there, and ${sent} MB were sent`)
  assert.equal(
    await inside("other", "stat -c %s QubesIncoming/light/long; ls -A QubesIncoming/light"),
    `${size}\nlong\n`,
  )
})

test("a stream that tries to leave its directory does not", async () => {
  const entry = (name: string, mode: number, content: string) => {
    const header = Buffer.alloc(32)
    header.writeUInt32LE(name.length + 1, 0)
    header.writeUInt32LE(mode, 4)
    header.writeBigUInt64LE(BigInt(content.length), 8)
    return Buffer.concat([header, Buffer.from(`${name}\0${content}`)])
  }
  const streams = [
    [entry("../../evil", 0o100_644, "x")],
    [entry("/home/user/evil", 0o100_644, "x")],
    [entry("d", 0o040_755, ""), entry("d/l", 0o120_777, "/home/user"), entry("d/l/evil", 0o100_644, "x")],
    [entry("evil", 0o020_644, "")],
  ]
  for (const stream of streams) {
    const input = Buffer.concat([...stream, Buffer.alloc(32)])
    const { status } = await home.run(["call", "other", "qubes.Filecopy"], input)
    assert.equal(status, 1)
  }
  assert.equal(await inside("other", "find / -name evil -not -path '/proc/*' 2>/dev/null || true"), "")
})

test("commands and shells run in another domain, and end with their status", async () => {
  const script = "skerry-call other qubes.VMExec+sh+--c+echo-20ran-20as-20-24QREXEC_REMOTE_DOMAIN-3Bexit-203"
  const exec = await home.run(["run", "light", "--", "bash", "-c", script])
  assert.deepEqual([exec.status, exec.stdout], [3, "ran as light\n"])
  assert.equal(await inside("light", "echo 'echo $((6*7))' | skerry-call other qubes.VMShell"), "42\n")
  assert.match(await inside("light", "skerry-call other qubes.GetDate"), /^\d{4}-\d\d-\d\dT/)
})

test("the clipboard is the user's: a domain neither reads nor fills it, and a rule that denies stands", async () => {
  await inside("light", "printf secret | skerry-clipboard copy")
  await ok(["clipboard", "copy", "light"])
  const denied = await home.run(["clipboard", "paste", "other"])
  assert.equal(denied.status, 1)
  assert.match(denied.stderr, /policy denies qubes\.ClipboardPaste/)
  await ok(["clipboard", "paste", "light"])
  await ok(["clipboard", "copy", "-"], "of the user")
  await ok(["clipboard", "paste", "other"])
  assert.equal(await inside("other", "skerry-clipboard paste"), "of the user")
  assert.equal(await ok(["clipboard", "status"]), "empty\n")
  // Even where a rule says so.
  for (const service of ["skerry.ClipboardRead", "skerry.FileRead"]) {
    const { status, stdout } = await home.run(["run", "light", "--", "skerry-call", "other", service])
    assert.deepEqual([status, stdout], [1, ""])
  }
})

test("what a domain asks for beyond its files is told in one harmless sentence", async () => {
  await inside("light", "mkdir 'a\u001b[2J' && touch 'a\u001b[2J/x'")
  const { status, stderr } = await home.run(["cp", "light:nothing", folder])
  assert.equal(status, 1)
  assert.match(stderr, /light says: Cannot copy "\/home\/user\/nothing": there is no such file/)
  const named = await home.run(["cp", "light:a\u001b[2J", folder])
  assert.equal(named.status, 1)
  assert.ok(!named.stderr.includes("\u001b[2J"))
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("a")),
    [],
  )
})

test("a daemon that is killed under a call ends it; the next one decides and records as before", async () => {
  await inside("light", "mkdir -p /run/qubes-rpc && ln -s /bin/cat /run/qubes-rpc/my.Cat")
  const call = home.spawn("call", "light", "my.Cat")
  let echoed = ""
  call.stdout?.on("data", (chunk: Buffer) => {
    echoed += chunk
  })
  call.stdin?.write("hello")
  for (const deadline = Date.now() + 20_000; echoed !== "hello"; ) {
    assert.ok(Date.now() < deadline, "the call runs")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const { pid } = JSON.parse(await ok(["daemon", "--status", "--json"])) as { pid: number }
  process.kill(pid, "SIGKILL")
  const status = await new Promise((resolve) => call.once("exit", resolve))
  assert.equal(status, 125)
  assert.equal(await ok(["call", "other", "qubes.VMShell"], "echo again"), "again\n")
  assert.match(await ok(["audit", "--json"]), /"service":"my\.Cat"/)
  assert.match(await ok(["audit", "verify"]), /^whole/)
})
