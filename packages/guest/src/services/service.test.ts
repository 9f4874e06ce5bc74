import assert from "node:assert/strict"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { CALL_LIMITS } from "@skerry/rpc"
import { openTestAgent } from "../test-agent.ts"
import { runService, serviceFails } from "./testing.ts"

const SHOW = `#!/bin/sh
echo "arguments: $#, $1"
for name in REMOTE_DOMAIN SERVICE_FULL_NAME SERVICE_ARGUMENT REQUESTED_TARGET_TYPE REQUESTED_TARGET REQUESTED_TARGET_KEYWORD; do
  eval "echo $name=\\\${QREXEC_$name-unset}"
done
echo "id: $SKERRY_CALL_ID"
cat >&2
exit 3
`

test("a program reads its argument and who called what", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes-rpc/test.Show", SHOW)
  const named = await runService(agent, "test.Show+a+b", "input")
  assert.deepEqual(named.stdout.split("\n"), [
    "arguments: 1, a+b",
    "REMOTE_DOMAIN=mail",
    "SERVICE_FULL_NAME=test.Show+a+b",
    "SERVICE_ARGUMENT=a+b",
    "REQUESTED_TARGET_TYPE=name",
    "REQUESTED_TARGET=vault",
    "REQUESTED_TARGET_KEYWORD=unset",
    "id: 7",
    "",
  ])
  assert.equal(named.stderr, "input")
  assert.deepEqual(named.exit, { kind: "code", code: 3 })
  const keyword = await runService(agent, "test.Show", "", { requestedTarget: "@dispvm:pdf" })
  assert.deepEqual(keyword.stdout.split("\n").slice(0, 7), [
    "arguments: 0, ",
    "REMOTE_DOMAIN=mail",
    "SERVICE_FULL_NAME=test.Show",
    "SERVICE_ARGUMENT=unset",
    "REQUESTED_TARGET_TYPE=keyword",
    "REQUESTED_TARGET=unset",
    "REQUESTED_TARGET_KEYWORD=dispvm:pdf",
  ])
})

test("a service for one argument goes before one for all, and /run before /etc", async () => {
  await using agent = openTestAgent()
  const says = (path: string, word: string) => agent.write(path, `#!/bin/sh\necho ${word}\n`)
  says("etc/qubes-rpc/a.B", "etc")
  assert.equal((await runService(agent, "a.B+c")).stdout, "etc\n")
  says("usr/local/etc/qubes-rpc/a.B", "local")
  assert.equal((await runService(agent, "a.B+c")).stdout, "local\n")
  says("run/qubes-rpc/a.B", "run")
  assert.equal((await runService(agent, "a.B+c")).stdout, "run\n")
  says("etc/qubes-rpc/a.B+c", "exact")
  assert.equal((await runService(agent, "a.B+c")).stdout, "exact\n")
  assert.equal((await runService(agent, "a.B+d")).stdout, "run\n")
})

test("what is no service is not found, and what cannot be run is not executable", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes-rpc/a.Text", "no program")
  agent.write("etc/qubes-rpc/a.NoInterpreter", "#!/no/such/shell\n")
  agent.write("etc/secret", "#!/bin/sh\n")
  symlinkSync("/no/such/file", join(agent.root, "etc/qubes-rpc/a.Nowhere"))
  for (const name of ["none", "../secret", "..", ".", "", "a\0.Text", "a.Text\n", "x".repeat(256)]) {
    await serviceFails(agent, name, "not-found")
  }
  for (const name of ["a.Text", "a.NoInterpreter", "a.Nowhere"])
    await serviceFails(agent, name, "not-executable")
})

test("an argument longer than a file's name is the service's all the same", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes-rpc/a.Length", '#!/bin/sh\nexpr length "$1"\n')
  const argument = "x".repeat(CALL_LIMITS.serviceBytes - "a.Length".length)
  assert.equal((await runService(agent, `a.Length+${argument}`)).stdout, `${argument.length}\n`)
})

test("the user is the configuration's, then the policy's, of those that there are", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes-rpc/a.Who", "#!/bin/sh\nid -u\n")
  const isRoot = process.getuid?.() === 0
  assert.equal(
    (await runService(agent, "a.Who", "", { user: "DEFAULT" })).stdout,
    `${isRoot ? 1000 : process.getuid?.()}\n`,
  )
  if (isRoot) assert.equal((await runService(agent, "a.Who", "", { user: "root" })).stdout, "0\n")
  await serviceFails(agent, "a.Who", "not-permitted", { user: "nobody" })
  agent.write("etc/qubes/rpc-config/a.Who", "force-user = 'nobody'\n")
  await serviceFails(agent, "a.Who", "not-permitted")
  agent.write("etc/qubes/rpc-config/a.Who", "force-user = ''\n")
  await runService(agent, "a.Who", "", { user: "nobody" })
})

test("a configuration that is garbage keeps its service from running", async () => {
  await using agent = openTestAgent()
  agent.write("etc/qubes-rpc/a.B", "#!/bin/sh\n")
  for (const bad of [
    "garbage",
    "[section]",
    "force-user = nobody",
    "exit-on-client-eof = 2",
    "\0",
    "x".repeat(20_000),
  ]) {
    agent.write("etc/qubes/rpc-config/a.B", bad)
    await serviceFails(agent, "a.B", "bad-service")
  }
  agent.write("etc/qubes/rpc-config/a.B+c", "# nothing\n")
  assert.deepEqual((await runService(agent, "a.B+c")).exit, { kind: "code", code: 0 })
})
