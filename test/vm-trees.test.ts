import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import type { Domain, Template } from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"
import { connectClient, type StartedServer, sandboxed, startFilesServer } from "./support/files-server.ts"
import { packNpm, packPackage } from "./support/npm-packages.ts"
import { FILE_CHECKS } from "./support/tree-checks.ts"
import { MAPPED_READER, MAPPED_WRITER } from "./support/tree-mapping.ts"
import { agentOf, identify, outputOf, runScript } from "./support/vm-agent.ts"
import { openVmHost, VM_LIMITS, VM_STEP_MS, vmImage } from "./support/vm-host.ts"

/* A tree of a file server in real machines, past the daemon: the port, the agent's pump and its keeping of sessions. */
const folder = mkdtempSync(join(tmpdir(), "skerry-trees-"))
const served = join(folder, "served")
mkdirSync(served, { mode: 0o700 })
/** It is hundreds of files, each loaded for the first time by an emulated machine. */
const NPM_MS = 300_000
const never = () => AbortSignal.timeout(VM_STEP_MS)

describe("a tree in machines", { skip: process.getuid?.() !== 0 }, () => {
  const stack = new AsyncDisposableStack()
  let server: StartedServer
  let template: Template
  let start: () => Promise<Domain>
  let label = 0

  const serve = () => startFilesServer(sandboxed({ kind: "directory", path: served, access: "write" }))

  before(async () => {
    const image = await vmImage("trees")
    const host = stack.use(await openVmHost({ image }))
    const backend = stack.use(await host.open())
    template = stack.use(await backend.prepare(image, { memoryMiB: 384, vcpus: 1 }, never()))
    let count = 0
    start = async () => {
      const request = { id: parseDomainId(`trees-${count++}`), limits: VM_LIMITS, onConsole: () => {} }
      const domain = stack.use(await backend.start(template, request, never()))
      await identify(domain)
      return domain
    }
    server = serve()
  })
  after(async () => {
    await stack.disposeAsync()
    server[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })

  const addPort = async (domain: Domain, port: string, access: "read" | "write" = "write") =>
    await (domain.addPort?.(port, connectClient(server, ++label, access)) ?? assert.fail("no ports"))

  async function mount(
    domain: Domain,
    at: string,
    { port = "tree.a", only = "", access = "write", sharing = "shared" }: Partial<MountChoice> = {},
  ): Promise<void> {
    await addPort(domain, port, access)
    await agentOf(domain.channel).mountTree({ port, attachName: "tree", at, only, access, sharing }, never())
  }

  test("files behave as they do on a disk of the domain's own", async () => {
    const domain = await start()
    await mount(domain, "/home/user")
    assert.equal(await outputOf(domain, `cd ~ 2>/dev/null; cd /home/user\n${FILE_CHECKS}`), "all checked")
  })

  test("git and sqlite3 work in a tree", async () => {
    const domain = await start()
    await mount(domain, "/home/user", { sharing: "private" })
    const git = `set -e
export HOME=/home/user GIT_CONFIG_NOSYSTEM=1; cd ~
git config --global user.email a@b; git config --global user.name a
git init -q one; cd one
for i in 1 2 3 4 5; do mkdir d$i; echo $i >d$i/f; done
git add . ; git commit -q -m first; cd ..
git clone -q one two; cd two; echo more >>d1/f; git status --porcelain; git commit -q -a -m second; git fsck; git log --oneline | wc -l`
    assert.equal(await outputOf(domain, git), "M d1/f\n2")
    // WAL wants memory shared between processes by the file system, which 9P has for one domain alone.
    const sqlite = (mode: string) => `cd /home/user; rm -f db*
sqlite3 db "pragma journal_mode=${mode}; create table t(a); insert into t values (1),(2);"
sqlite3 db "insert into t select a+10 from t; select sum(a) from t; pragma integrity_check;"`
    assert.equal(await outputOf(domain, sqlite("delete")), "delete\n26\nok")
    assert.equal(await outputOf(domain, sqlite("wal")), "wal\n26\nok")
  })

  const npm = packNpm()
  test("npm installs a package and what it depends on in a tree", { skip: npm === undefined }, async () => {
    const domain = await start()
    await mount(domain, "/home/user/app", { sharing: "private" })
    const input = (npm ?? assert.fail("no npm")).toString("base64")
    const unpacked = await runScript(domain, "mkdir /tmp/npm && base64 -d | tar -xz -C /tmp/npm", { input })
    assert.equal(unpacked.stderr, "")
    const packages = ["node-gyp-build-optional-packages", "detect-libc"]
    for (const name of packages)
      writeFileSync(join(served, `${name}.tgz`), packPackage(name), { mode: 0o600 })
    const install = `cd ~/app && echo '{}' >package.json
node=/usr/lib/skerry/node
$node /tmp/npm/bin/npm-cli.js install --offline --no-audit --no-fund --no-update-notifier --cache /tmp/cache ${packages.map((name) => `./${name}.tgz`).join(" ")} >&2
$node -p 'require("node-gyp-build-optional-packages").name + " on " + require("detect-libc").familySync()'
ls node_modules; rm -r ~/app/*`
    const { stdout, stderr } = await runScript(domain, install, { timeoutMs: NPM_MS })
    assert.equal(stdout, "load on glibc\ndetect-libc\nnode-gyp-build-optional-packages\n", stderr)
  })

  test("two domains see each other's changes at once, locks, and mapped files", async () => {
    const [first, second] = [await start(), await start()]
    await mount(first, "/mnt/ours")
    await mount(second, "/home/user/tree/theirs")
    await outputOf(first, "cd /mnt/ours && echo one >shared && mkdir -p dir && echo x >dir/f")
    const there = "/home/user/tree/theirs"
    assert.equal(
      await outputOf(second, `cat ${there}/shared; ls ${there}/dir; echo two >>${there}/shared`),
      "one\nf",
    )
    assert.equal(await outputOf(first, "cat /mnt/ours/shared; rm -r /mnt/ours/dir"), "one\ntwo")
    assert.equal(
      await outputOf(second, `ls ${there}/dir 2>&1 || true`),
      `ls: cannot access '${there}/dir': No such file or directory`,
    )
    const lock = runScript(
      first,
      "cd /mnt/ours; flock lock sh -c 'echo locked >state; until [ -e go ]; do sleep 0.1; done'",
    )
    const look = `cd ${there}; until grep -q locked state 2>/dev/null; do sleep 0.1; done; flock -n lock true && echo free || echo taken; touch go; flock lock echo mine`
    assert.equal(await outputOf(second, look), "taken\nmine")
    assert.equal((await lock).status, "0")
    const writing = runScript(first, `cd /mnt/ours; ${MAPPED_WRITER}`)
    assert.equal(await outputOf(second, `cd ${there}; ${MAPPED_READER}`), "synchronised\nunmapped\n8192")
    assert.deepEqual(await writing, { stdout: "", stderr: "", status: "0" })
  })

  test("open files go on when the server is killed and started anew", async () => {
    const domain = await start()
    await mount(domain, "/home/user", { sharing: "private" })
    const script = `cd /home/user; echo first >log; exec 3>>log 4<log; read -r line <&4; mv log moved; : >ready
for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i >&3 || echo failed; mkdir d$i && rmdir d$i || echo failed; done
cat <&4 | wc -l; wc -l <moved; echo last >&3; tail -1 moved`
    const running = outputOf(domain, script)
    const isReady = `until [ -e /home/user/ready ]; do sleep 0.05; done`
    await outputOf(domain, isReady)
    server[Symbol.dispose]()
    await domain.removePort?.("tree.a")
    server = serve()
    await addPort(domain, "tree.a")
    assert.equal(await running, "10\n11\nlast")
    assert.equal(readFileSync(join(served, "moved"), "utf8").split("\n").length, 13)
  })

  test("one file of a tree appears alone; a tree that is taken away is gone under who uses it", async () => {
    writeFileSync(join(served, "report.txt"), "Dear reader\n", { mode: 0o600 })
    const domain = await start()
    await mount(domain, "/home/user/in/letter.txt", { only: "report.txt", access: "read" })
    const look =
      "cat /home/user/in/letter.txt; ls /home/user/in; ls /run/skerry/trees 2>&1; echo x >>/home/user/in/letter.txt"
    const { stdout, stderr } = await runScript(domain, look)
    assert.match(stdout, /^Dear reader\nletter.txt\nls: .*Permission denied\n$/)
    assert.match(stderr, /Read-only file system/)
    const held = runScript(
      domain,
      "exec 5</home/user/in/letter.txt; echo open >/tmp/open; until [ -e /tmp/gone ]; do sleep 0.1; done; cat <&5; cat /home/user/in/letter.txt",
    )
    await outputOf(domain, "until [ -e /tmp/open ]; do sleep 0.1; done")
    await agentOf(domain.channel).unmountTree("tree.a", never())
    await outputOf(domain, "touch /tmp/gone")
    const { stdout: read, stderr: words, status } = await held
    assert.equal(read, "")
    assert.match(words, /cat: -: (?:Connection reset by peer|Input\/output error)/)
    assert.equal(status, "0")
    assert.equal(await outputOf(domain, "grep -c 9p /proc/mounts || true"), "0")
  })

  test("a mount says what is wrong", async () => {
    const domain = await start()
    const agent = agentOf(domain.channel)
    const wanted = {
      port: "tree.x",
      attachName: "tree",
      at: "/tmp/x",
      only: "",
      access: "read",
      sharing: "shared",
    } as const
    await assert.rejects(agent.mountTree(wanted, never()), { code: "no-port" })
    await addPort(domain, "tree.x")
    await assert.rejects(agent.mountTree({ ...wanted, attachName: "other" }, never()), { code: "no-answer" })
    await domain.removePort?.("tree.x")
    await addPort(domain, "tree.x")
    await outputOf(domain, "echo a file >/tmp/y")
    await assert.rejects(agent.mountTree({ ...wanted, at: "/tmp/y" }, never()), { code: "bad-place" })
  })
})

interface MountChoice {
  readonly port: string
  readonly only: string
  readonly access: "read" | "write"
  readonly sharing: "shared" | "private"
}
