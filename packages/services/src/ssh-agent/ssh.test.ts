import assert from "node:assert/strict"
import { execFile, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { after, before, beforeEach, test } from "node:test"
import { promisify } from "node:util"
import type { Program } from "../program.ts"
import type { KeeperQuestion } from "../question.ts"
import { unlessInstalled } from "../testing/unless-installed.ts"
import { runProgram, serviceTable, textOf } from "../testing.ts"
import { listenForSsh } from "./client.ts"
import { sshAgentService } from "./service.ts"

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), "skssh-"))
const inFolder = (name: string) => join(folder, name)
const vaultSocket = inFolder("vault.sock")
const clientSocket = inFolder("client.sock")
const clientEnvironment = { PATH: process.env.PATH, HOME: folder, SSH_AUTH_SOCK: clientSocket }
const ends: (() => unknown)[] = []
let questions: KeeperQuestion[] = []
let answer = true

before(async () => {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ada's key", "-f", inFolder("id")])
  const agent = spawn("ssh-agent", ["-D", "-a", vaultSocket], { stdio: ["ignore", "pipe", "inherit"] })
  await new Promise((resolve) => agent.stdout.once("data", resolve))
  ends.push(() => agent.kill())
  execFileSync("ssh-add", ["-q", inFolder("id")], {
    env: { ...process.env, SSH_AUTH_SOCK: vaultSocket },
    stdio: "ignore",
  })
  const service = sshAgentService(() => (question) => {
    questions.push(question)
    return Promise.resolve(answer)
  })
  const { openCall } = serviceTable({
    "skerry.SshAgent": () => runProgram(service, { environment: { SSH_AUTH_SOCK: vaultSocket } }),
  })
  const { promise: isListening, resolve } = Promise.withResolvers<void>()
  const listener: Program = async (io) => {
    const server = await listenForSsh(io, clientSocket)
    ends.push(() => server.close())
    resolve()
    await once(server, "close")
    return 0
  }
  runProgram(listener, { openCall })
  await isListening
})
after(() => {
  for (const end of ends) end()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  questions = []
  answer = true
})
const details = () => new Map(questions[0]?.details.map(({ label, text }) => [label, text]))
const keyFingerprint = () =>
  execFileSync("ssh-keygen", ["-lf", inFolder("id.pub")], { encoding: "utf8" }).split(" ")[1]

test("keys are listed without a question, and the socket is its owner's alone", async () => {
  const { stdout } = await run("ssh-add", ["-l"], { env: clientEnvironment })
  assert.ok(stdout.includes(`${keyFingerprint()} ada's key (ED25519)`), stdout)
  assert.deepEqual(questions, [])
  assert.equal(statSync(clientSocket).mode & 0o777, 0o600)
})

test("keys are neither added, removed nor locked through it", async () => {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", inFolder("other")])
  for (const args of [[inFolder("other")], ["-D"], ["-d", inFolder("id.pub")]]) {
    await assert.rejects(run("ssh-add", args, { env: clientEnvironment }), JSON.stringify(args))
  }
  const { stdout } = await run("ssh-add", ["-l"], {
    env: { ...clientEnvironment, SSH_AUTH_SOCK: vaultSocket },
  })
  assert.match(stdout, /^[^\n]*ada's key[^\n]*\n$/)
})

test("ssh-keygen -Y sign shows namespace and digest, and its signature verifies", async () => {
  writeFileSync(inFolder("letter"), "Dear Bob\n")
  await run("ssh-keygen", ["-Y", "sign", "-f", inFolder("id.pub"), "-n", "file", inFolder("letter")], {
    env: clientEnvironment,
  })
  assert.equal(questions[0]?.title, `Sign a file for "file" with the SSH key ada's key`)
  assert.equal(
    details().get("SHA-512"),
    execFileSync("sha512sum", [inFolder("letter")], { encoding: "utf8" }).split(" ")[0],
  )
  assert.equal(details().get("Key"), `ada's key\n${keyFingerprint()}`)
  const [type, key] = readFileSync(inFolder("id.pub"), "utf8").split(" ")
  writeFileSync(inFolder("signers"), `ada ${type} ${key}\n`)
  const words = `-Y verify -f ${inFolder("signers")} -I ada -n file -s ${inFolder("letter.sig")}`.split(" ")
  assert.match(
    execFileSync("ssh-keygen", words, { input: "Dear Bob\n", encoding: "utf8" }),
    /^Good "file" signature/,
  )
})

test("what is refused is not signed", async () => {
  answer = false
  writeFileSync(inFolder("no"), "no\n")
  const signing = run("ssh-keygen", ["-Y", "sign", "-f", inFolder("id.pub"), "-n", "file", inFolder("no")], {
    env: clientEnvironment,
  })
  await assert.rejects(signing, /agent refused operation/)
  assert.equal(questions.length, 1)
})

const noServer = unlessInstalled("/usr/sbin/sshd")

test("a login shows user name and the host's key, and works", { skip: noServer }, async () => {
  const { port, hostKey } = await startSshd()
  const user = userInfo().username
  const words = [
    "-F",
    "none",
    "-p",
    String(port),
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    `UserKnownHostsFile=${inFolder("known")}`,
    "-o",
    "BatchMode=yes",
    `${user}@127.0.0.1`,
    "echo in",
  ]
  const { stdout } = await run("ssh", words, { env: clientEnvironment, timeout: 30_000 })
  assert.equal(stdout, "in\n")
  assert.equal(questions[0]?.title, `Log in as "${user}" with the SSH key ada's key`)
  assert.equal(details().get("User name"), user)
  assert.equal(details().get("Host"), `Its key is ${hostKey}`)
  assert.equal(questions[0]?.rememberable, true)
  const first = questions[0]?.operation
  await run("ssh", words, { env: clientEnvironment, timeout: 30_000 })
  assert.equal(questions[1]?.operation, first)
  answer = false
  await assert.rejects(run("ssh", words, { env: clientEnvironment, timeout: 30_000 }), /Permission denied/)
})

async function startSshd() {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", inFolder("host")])
  execFileSync("mkdir", ["-p", "/run/sshd"])
  const port = await freePort()
  const options = [
    `HostKey=${inFolder("host")}`,
    `AuthorizedKeysFile=${inFolder("id.pub")}`,
    `PidFile=${inFolder("pid")}`,
    `ListenAddress=127.0.0.1:${port}`,
    "StrictModes=no",
    "UsePAM=no",
  ]
  const sshd = spawn(
    "/usr/sbin/sshd",
    ["-D", "-e", "-f", "/dev/null", ...options.flatMap((each) => ["-o", each])],
    { stdio: ["ignore", "ignore", "pipe"] },
  )
  ends.push(() => sshd.kill())
  await new Promise<void>((resolve) => {
    sshd.stderr.on("data", (chunk) => {
      if (String(chunk).includes("listening")) resolve()
    })
  })
  const [, hostKey] = execFileSync("ssh-keygen", ["-lf", inFolder("host.pub")], { encoding: "utf8" }).split(
    " ",
  )
  return { port, hostKey }
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    }),
  )
}

test("a file that is no socket is not removed to listen in its place", async () => {
  writeFileSync(inFolder("notes"), "kept")
  const { stderr, status } = runProgram((io) => listenForSsh(io, inFolder("notes")).then(() => 0))
  assert.equal(await status, 1)
  assert.match(await textOf(stderr), /notes is no socket/)
  assert.equal(readFileSync(inFolder("notes"), "utf8"), "kept")
})

test("a message over the limit ends the connection, and nothing else", async () => {
  const socket = connect(clientSocket)
  socket.end(Buffer.of(0x7f, 0xff, 0xff, 0xff, 11))
  socket.resume()
  await new Promise((resolve) => socket.once("close", resolve))
  const { stdout } = await run("ssh-add", ["-l"], { env: clientEnvironment })
  assert.match(stdout, /ada's key/)
})
