import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import type { Program } from "../program.ts"
import { runProgram, serviceTable, textOf } from "../testing.ts"
import { qvmCopy, qvmCopyToVm, skerryCp } from "./copy-command.ts"
import { receiveIncoming } from "./filecopy-service.ts"
import { FILECOPY_LIMITS } from "./qfile.ts"

let home: string
let outgoing: string
let incoming: string

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-filecopy-"))
  home = join(folder, "home")
  outgoing = join(folder, "outgoing")
  incoming = join(home, "QubesIncoming/mail")
  mkdirSync(home)
  mkdirSync(outgoing)
})
afterEach(() => rmSync(join(home, ".."), { recursive: true }))

const put = (name: string, content: string | Buffer) => {
  const path = join(outgoing, name)
  writeFileSync(path, content)
  return path
}

const service: Program = (io) => receiveIncoming(io, "/nonexistent/quota")

async function copyBy(program: Program, argv: readonly string[], receiver: Program = service) {
  const table = serviceTable({
    "qubes.Filecopy": ({ argument = "" }) =>
      runProgram(receiver, {
        environment: { HOME: home, QREXEC_REMOTE_DOMAIN: "mail", QREXEC_SERVICE_ARGUMENT: argument },
      }),
  })
  const run = runProgram(program, { argv, cwd: outgoing, openCall: table.openCall })
  const [status, stderr] = await Promise.all([run.status, textOf(run.stderr)])
  return { status, stderr, calls: table.calls.map(({ target, argument }) => ({ target, argument })) }
}

function putTree(): void {
  mkdirSync(join(outgoing, "tree/inner"), { recursive: true })
  put("tree/note.txt", "hello")
  put("tree/inner/long.bin", Buffer.alloc(3_000_001, "ab"))
  put("tree/inner/empty", "")
  symlinkSync("../note.txt", join(outgoing, "tree/inner/link"))
  chmodSync(join(outgoing, "tree/note.txt"), 0o640)
  utimesSync(join(outgoing, "tree/note.txt"), 1_600_000_000.25, 1_500_000_000.5)
  utimesSync(join(outgoing, "tree/inner"), 1_600_000_000, 1_400_000_000)
  chmodSync(join(outgoing, "tree/inner"), 0o555)
}

for (const [name, program, argv] of [
  ["plain", qvmCopy, ["tree"]],
  ["extended", skerryCp, ["tree", "work:"]],
] as const) {
  test(`a tree arrives whole, with modes, times and links (${name} stream)`, async () => {
    putTree()
    try {
      assert.deepEqual(await copyBy(program, argv).then(({ status, stderr }) => ({ status, stderr })), {
        status: 0,
        stderr: "",
      })
      // Before it is read, which changes when it was last read.
      const note = statSync(join(incoming, "tree/note.txt"))
      assert.equal(readFileSync(join(incoming, "tree/note.txt"), "utf8"), "hello")
      assert.ok(
        readFileSync(join(incoming, "tree/inner/long.bin")).equals(
          readFileSync(join(outgoing, "tree/inner/long.bin")),
        ),
      )
      assert.equal(readlinkSync(join(incoming, "tree/inner/link")), "../note.txt")
      assert.equal(statSync(join(incoming, "tree/inner/empty")).size, 0)
      assert.equal(note.mode & 0o7777, 0o640)
      assert.deepEqual([note.atimeMs, note.mtimeMs], [1_600_000_000_250, 1_500_000_000_500])
      const inner = statSync(join(incoming, "tree/inner"))
      assert.deepEqual([inner.mode & 0o7777, inner.mtimeMs], [0o555, 1_400_000_000_000])
      assert.deepEqual(readdirSync(incoming), ["tree"], "nothing else is left")
    } finally {
      for (const root of [outgoing, incoming]) chmodSync(join(root, "tree/inner"), 0o755)
    }
  })
}

test("the target is the policy's choice, or the one that was named", async () => {
  const path = put("a", "1")
  assert.deepEqual((await copyBy(qvmCopy, [path])).calls, [{ target: "@default", argument: "" }])
  assert.deepEqual((await copyBy(qvmCopyToVm, ["work", put("b", "2")])).calls, [
    { target: "work", argument: "" },
  ])
  assert.deepEqual((await copyBy(skerryCp, [put("c", "3"), "work:"])).calls, [
    { target: "work", argument: "resume" },
  ])
})

test("nothing is overwritten", async () => {
  put("a", "new")
  mkdirSync(incoming, { recursive: true })
  writeFileSync(join(incoming, "a"), "old")
  for (const [program, argv] of [
    [qvmCopy, ["a"]],
    [skerryCp, ["a", "work:"]],
  ] as const) {
    const { status, stderr } = await copyBy(program, argv)
    assert.equal(status, 1)
    assert.match(stderr, /at "a": something of that name is there already/)
    assert.equal(readFileSync(join(incoming, "a"), "utf8"), "old")
  }
})

test("the same again is fine where copies can go on, and refused in the plain stream", async () => {
  put("small", "same")
  put("long", Buffer.alloc(2_000_000, 7))
  for (let time = 0; time < 2; time++) {
    assert.equal((await copyBy(skerryCp, ["small", "long", "work:"])).status, 0)
  }
  assert.equal((await copyBy(qvmCopy, ["small"])).status, 1)
  assert.equal((await copyBy(qvmCopy, ["long"])).status, 1)
})

test("an interrupted copy goes on where it stopped", async () => {
  const content = Buffer.alloc(8_000_000)
  for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at)
  put("long", content)
  assert.equal((await copyBy(skerryCp, ["long", "work:"], breakingAfter(5_000_000))).status, 1)
  assert.deepEqual(readdirSync(incoming), [".skerry-partial"])
  const [partial = ""] = readdirSync(join(incoming, ".skerry-partial"))
  const kept = statSync(join(incoming, ".skerry-partial", partial)).size
  assert.ok(kept >= 4_000_000 && kept < content.length, `${kept} bytes were kept`)

  let received = 0
  const counting: Program = (io) => {
    io.stdin.on("data", (chunk: Buffer) => {
      received += chunk.length
    })
    io.stdin.pause()
    return service(io)
  }
  assert.equal((await copyBy(skerryCp, ["long", "work:"], counting)).status, 0)
  assert.ok(received < content.length - kept + 1000, `${received} bytes were sent again`)
  assert.ok(readFileSync(join(incoming, "long")).equals(content))
  assert.deepEqual(readdirSync(incoming), ["long"])
})

test("a file that changed meanwhile is sent from its beginning", async () => {
  put("long", Buffer.alloc(8_000_000, 1))
  await copyBy(skerryCp, ["long", "work:"], breakingAfter(5_000_000))
  put("long", Buffer.alloc(8_000_000, 2))
  assert.equal((await copyBy(skerryCp, ["long", "work:"])).status, 0)
  assert.ok(readFileSync(join(incoming, "long")).equals(Buffer.alloc(8_000_000, 2)))
})

test("what a killed receiver left is continued, and what another one still writes to is left alone", async () => {
  put("long", Buffer.alloc(8_000_000, 1))
  await copyBy(skerryCp, ["long", "work:"], breakingAfter(5_000_000))
  const partials = join(incoming, ".skerry-partial")
  const [name = ""] = readdirSync(partials)
  // Of a process that runs: this one's parent.
  renameSync(join(partials, name), join(partials, `${name}.${process.ppid}.00`))
  assert.equal((await copyBy(skerryCp, ["long", "work:"])).status, 0)
  assert.deepEqual(readdirSync(partials), [`${name}.${process.ppid}.00`])
  rmSync(join(incoming, "long"))
  // Of a process that has ended.
  const { pid } = spawnSync("true")
  renameSync(join(partials, `${name}.${process.ppid}.00`), join(partials, `${name}.${pid}.00`))
  writeFileSync(join(partials, `new.${pid}.00`), "left")
  assert.equal((await copyBy(skerryCp, ["long", "work:"])).status, 0)
  assert.deepEqual(readdirSync(incoming), ["long"])
})

test("many copies at once from one source do not disturb each other", async () => {
  const names = Array.from({ length: 24 }, (_, at) => `long${at}`)
  for (const name of names) put(name, Buffer.alloc(1_100_000, name))
  const copies = names.map((name, at) =>
    at % 2 === 0 ? copyBy(skerryCp, [name, "work:"]) : copyBy(qvmCopy, [name]),
  )
  assert.deepEqual(
    (await Promise.all(copies)).filter(({ status }) => status !== 0),
    [],
  )
  for (const name of names) assert.equal(statSync(join(incoming, name)).size, 1_100_000)
  assert.equal(readdirSync(incoming).length, names.length)
})

test("of many interrupted files the latest are kept", async () => {
  const names = Array.from({ length: 10 }, (_, at) => `long${at}`)
  for (const name of names) {
    put(name, Buffer.alloc(2_000_000, 1))
    await copyBy(skerryCp, [name, "work:"], breakingAfter(1_500_000))
  }
  assert.equal(readdirSync(join(incoming, ".skerry-partial")).length, FILECOPY_LIMITS.partials)
})

test("a plain copy that breaks leaves nothing of the file", async () => {
  put("long", Buffer.alloc(8_000_000, 1))
  assert.equal((await copyBy(qvmCopy, ["long"], breakingAfter(5_000_000))).status, 1)
  assert.deepEqual(readdirSync(incoming), [])
})

test("a peer that knows only the plain stream gets a second, plain call", async () => {
  const plainPeer: Program = (io) =>
    service({ ...io, environment: { ...io.environment, QREXEC_SERVICE_ARGUMENT: "" } })
  put("a", "hello")
  const { status, calls } = await copyBy(skerryCp, ["a", "work:"], plainPeer)
  assert.equal(status, 0)
  assert.deepEqual(
    calls.map(({ argument }) => argument),
    ["resume", ""],
  )
  assert.equal(readFileSync(join(incoming, "a"), "utf8"), "hello")
})

test("a symlink that a person names is copied as what it stands for", async () => {
  put("real", "content")
  symlinkSync("real", join(outgoing, "named"))
  assert.equal((await copyBy(qvmCopy, ["named"])).status, 0)
  assert.ok(lstatSync(join(incoming, "named")).isFile())
})

test("a name that is not UTF-8 needs +allow-all-names", async () => {
  mkdirSync(join(outgoing, "tree"))
  writeFileSync(Buffer.concat([Buffer.from(join(outgoing, "tree/")), Buffer.from([0x66, 0xff])]), "x")
  const { status, stderr } = await copyBy(qvmCopy, ["tree"])
  assert.equal(status, 1)
  assert.match(stderr, /does not take such a name/)
  assert.equal((await copyBy(qvmCopy, ["--allow-all-names", "tree"])).status, 0)
  const [name] = readdirSync(join(incoming, "tree"), { encoding: "buffer" })
  assert.deepEqual(name, Buffer.from([0x66, 0xff]))
})

test("what cannot be read is named, and nothing is called for what is not there", async () => {
  const { status, stderr, calls } = await copyBy(qvmCopy, ["missing"])
  assert.equal(status, 1)
  assert.match(stderr, /Cannot copy ".*missing": there is no such file/)
  assert.deepEqual(calls, [])
})

test("a file that becomes shorter while it is copied ends the copy", async () => {
  const path = put("long", Buffer.alloc(8_000_000, 1))
  const cutting: Program = (io) => {
    truncateSync(path, 3_000_000)
    return service(io)
  }
  // Its size is read when it is opened: the cut comes after the header.
  const late: Program = async (io) => {
    const first: Buffer = await new Promise((resolve) => io.stdin.once("data", resolve))
    io.stdin.pause()
    io.stdin.unshift(first)
    return cutting(io)
  }
  const { status, stderr } = await copyBy(qvmCopy, ["long"], late)
  assert.equal(status, 1)
  assert.match(stderr, /became shorter/)
  assert.ok(!existsSync(join(incoming, "long")))
})

/** A receiver whose input breaks off after so many bytes, as when its caller dies. */
function breakingAfter(bytes: number): Program {
  return (io) => {
    let seen = 0
    const emit = io.stdin.push.bind(io.stdin)
    io.stdin.push = (chunk: Buffer | null) => {
      seen += chunk?.length ?? 0
      if (seen > bytes && chunk !== null) {
        io.stdin.destroy(new Error("broken off"))
        return false
      }
      return emit(chunk)
    }
    return service(io)
  }
}
