import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { release, tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { isDeepStrictEqual } from "node:util"
import type { DaemonStatus, DomainRow } from "@skerry/rpc"
import { eventually, openBuiltHome } from "./support/built-home.ts"
import { ended, repository, said } from "./support/command-line.ts"

/* `skerry run` as a user types it, on virtual machines of real packages. */
const home = await openBuiltHome()
after(() => home[Symbol.asyncDispose]())

const inMail = (script: string) => home.run(["run", "-d", "mail", "--", "sh", "-c", script])
const domains = async () => (await home.list<DomainRow>("ps")).map(({ domain }) => domain)

test("the text of an untrusted PDF comes out of a virtual machine, whose kernel is its own", async () => {
  const pdf = readFileSync(join(repository, "testdata/samples/untrusted.pdf"))
  const { status, stdout, stderr } = await home.run(["run", "-d", "pdf", "--", "pdftotext", "-", "-"], pdf)
  assert.deepEqual([status, stderr], [0, ""])
  assert.match(stdout, /^An untrusted document\n/)
  assert.equal((await home.run(["run", "-d", "pdf"], pdf)).stdout, stdout, "the application's own command")
  const kernel = await home.run(["run", "-d", "mail", "--", "uname", "-r"])
  assert.match(kernel.stdout, /^\d+\.\d+\.\S+\n$/)
  assert.notEqual(kernel.stdout.trim(), release())
})

for (const [level, instance] of [
  ["vm", "mail"],
  ["process", "light"],
] as const) {
  test(`binary input and output pass unchanged at level ${level}, over sockets and over pipes`, async () => {
    const bytes = randomBytes(4_000_000)
    const back = await home.bytes(["run", "-d", instance, "--", "cat"], bytes)
    assert.ok(back.equals(bytes), `${back.length} bytes came back`)
    const script = `head -c 4000000 /dev/urandom | tee >(sha256sum >&2) | $SKERRY run -d ${instance} -- cat | sha256sum`
    const { stdout, stderr } = await home.shell(script)
    assert.match(stdout, /^[0-9a-f]{64} {2}-\n$/)
    assert.equal(stdout, stderr)
  })

  test(`a command waits for input that comes late, and for a slow reader, at level ${level}`, async () => {
    // Only after a first answer is there more to read; the pipe to the reader fills up meanwhile.
    const script = `mkfifo "$HOME/late"
      { read answer < "$HOME/late"; echo "$answer"; } |
        $SKERRY run -d ${instance} -- sh -c 'echo ready; cat; head -c 300000 /dev/zero' |
        { read said; echo "$said" > "$HOME/late"; read again; echo "$again"; wc -c; }
      status=("\${PIPESTATUS[@]}"); rm "$HOME/late"; echo "\${status[@]}"`
    assert.deepEqual(await home.shell(script), { status: 0, stdout: "ready\n300000\n0 0 0\n", stderr: "" })
  })

  test(`statuses, signals and the two outputs come through at level ${level}`, async () => {
    const inside = (script: string) => home.run(["run", instance, "--", "sh", "-c", script])
    assert.deepEqual(await inside("echo one; echo two >&2; exit 7"), {
      status: 7,
      stdout: "one\n",
      stderr: "two\n",
    })
    assert.equal((await inside("kill -TERM $$")).status, 128 + 15)
    assert.equal((await inside("kill -KILL $$")).status, 128 + 9)
    assert.equal((await home.run(["run", instance, "--", "nonesuch"])).status, 127)
    assert.equal((await home.run(["run", instance, "--", "/etc/passwd"])).status, 126)
    const elsewhere = [
      "run",
      "-e",
      "COLOUR=blue",
      "-w",
      "/usr",
      instance,
      "--",
      "sh",
      "-c",
      "echo $COLOUR $PWD",
    ]
    assert.equal((await home.run(elsewhere)).stdout, "blue /usr\n")
  })

  test(`Ctrl-C ends a command without a terminal, and what it started, at level ${level}`, async () => {
    // No shell: one that is hit between two of its commands may miss the signal, on any host.
    const child = home.spawn("run", instance, "--", "timeout", "--foreground", "4321", "cat")
    child.stdin?.write("begun\n")
    await once(child.stdout ?? assert.fail(), "data")
    const end = ended(child)
    child.kill("SIGINT")
    assert.equal((await end).status, 130)
    const { stdout } = await home.run(["exec", instance, "--", "ps", "-eo", "args"])
    assert.match(stdout, /^ps -eo args$/m)
    assert.doesNotMatch(stdout, /4321/)
  })
}

test("125 and one sentence where Skerry itself fails", async () => {
  const { status, stdout, stderr } = await home.run(["run", "-d", "mial", "--", "true"])
  assert.deepEqual([status, stdout], [125, ""])
  assert.match(stderr, /^skerry run: Generation \d+ has no instance "mial": its instances are [^\n]+\n$/)
})

test("by default a virtual machine has nothing: no network, no host file, no device, no rights", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-marker-"))
  writeFileSync(join(folder, "skerry-marker"), "of the host")
  try {
    const found = (script: string) => inMail(script).then(({ stdout }) => stdout.trim().split("\n"))
    assert.deepEqual(await found("ls /sys/class/net; tail -n +2 /proc/net/route"), ["lo"])
    assert.deepEqual(await found("id -u; id -G"), ["1000", "1000"])
    assert.deepEqual(await found("grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -d '\\t'"), [
      "CapEff:0000000000000000",
      "NoNewPrivs:1",
    ])
    assert.deepEqual(await found("find / -name skerry-marker 2>/dev/null; ls -A /home/user /tmp /mnt"), [
      "/home/user:",
      "",
      "/mnt:",
      "",
      "/tmp:",
    ])
    const fileSystems = new Set(await found("cut -d ' ' -f 3 /proc/mounts"))
    const own = ["overlay", "proc", "sysfs", "devtmpfs", "devpts", "tmpfs"]
    assert.deepEqual(
      [...fileSystems].filter((each) => !own.includes(each)),
      [],
    )
    assert.deepEqual(await found("ls /sys/block | grep -v ^pmem; ls /dev/vsock /dev/kvm 2>/dev/null"), [""])
    // The image, the control channel and randomness: of the devices that virtio knows, no others.
    const kinds = await found(
      "for d in /sys/bus/virtio/devices/*; do basename $(readlink $d/driver); done | sort -u",
    )
    const allowed = ["virtio_console", "virtio_pmem", "virtio_rproc_serial", "virtio_rng"]
    assert.deepEqual(
      kinds.filter((kind) => !allowed.includes(kind)),
      [],
    )
    const raw = await inMail("cat /dev/pmem0 /dev/mem /dev/port /dev/kmsg /dev/hwrng | head -c 1 | wc -c")
    assert.equal(raw.stdout, "0\n", "devices of the machine are root's")
    assert.deepEqual(await found("touch /usr/x /etc/x 2>/dev/null || echo refused"), ["refused"])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("root, who must be asked for, can write and reaches nothing more; all of it vanishes", async () => {
  const script = "id -u; touch /usr/bin/mark && ls /sys/class/net; rm /usr/bin/ls"
  const { stdout } = await home.run(["run", "-d", "-u", "root", "mail", "--", "sh", "-c", script])
  assert.equal(stdout, "0\nlo\n")
  assert.equal((await inMail("ls /usr/bin/mark /usr/bin/ls 2>/dev/null")).stdout, "/usr/bin/ls\n")
})

test("a domain keeps what was written until it is stopped; no other domain ever sees it", async () => {
  const read = "cat ~/note 2>/dev/null || echo nothing"
  const look = (words: string[]) => home.run([...words, "--", "sh", "-c", read]).then(({ stdout }) => stdout)
  await home.run(["run", "mail", "--", "sh", "-c", "echo secret > ~/note"])
  assert.equal(await look(["exec", "mail"]), "secret\n")
  assert.equal(await look(["run", "-d", "mail"]), "nothing\n")
  assert.equal(await look(["run", "bank"]), "nothing\n")
  await home.run(["stop", "mail", "bank"])
  assert.equal(await look(["run", "mail"]), "nothing\n")
  await home.run(["stop", "mail"])
})

test("a disposable leaves nothing: no domain, no process, no file", async () => {
  const status = async () => (await home.run(["daemon", "--status", "--json"])).stdout
  // The pool has one domain of each image that was used; the one that is taken is replaced.
  await inMail("true")
  await home.run(["run", "-d", "pdf", "--", "true"])
  const { pid } = JSON.parse(await status()) as DaemonStatus
  const left = () => ({
    temporary: readdirSync(tmpdir()).filter((name) => name.startsWith("skerry-home")),
    runtime: readdirSync(home.runtime).sort(),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").length,
  })
  const settled = async () => {
    const found = JSON.parse(await status()) as DaemonStatus
    return found.standby === 2 && (await domains()).every((each) => !each.startsWith("mail-"))
  }
  /** The daemon starts a QEMU for the next domain some 0.6 s after the last start. */
  const resting = async () => {
    let [last, sinceMs] = [left(), performance.now()]
    await eventually("nothing starts or ends for two seconds", async () => {
      const [now, isSettled] = [left(), await settled()]
      // Each look is a connection, which may still be open.
      const isSame = isDeepStrictEqual({ ...now, descriptors: 0 }, { ...last, descriptors: 0 })
      if (!isSettled || !isSame) sinceMs = performance.now()
      last = now
      return performance.now() - sinceMs > 2000
    })
    return last
  }
  const before = await resting()
  for (let n = 0; n < 5; n++) await inMail("echo x > ~/note")
  const { descriptors, ...others } = await resting()
  const { descriptors: descriptorsBefore, ...othersBefore } = before
  assert.deepEqual(others, othersBefore)
  // A connection that has just ended may still be open; what each run leaked would be five.
  assert.ok(descriptors < descriptorsBefore + 3, `${descriptors} descriptors, ${descriptorsBefore} before`)
})

test("a client that is killed takes its command and its disposable with it", async () => {
  const child = home.spawn("run", "-d", "mail", "--", "sh", "-c", "echo here; sleep 1000")
  await said(child, /here/)
  assert.ok((await domains()).some((each) => each.startsWith("mail-")))
  child.kill("SIGKILL")
  await eventually(
    "the disposable ends",
    async () => !(await domains()).some((each) => each.startsWith("mail-")),
  )
})
