import assert from "node:assert/strict"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { hostPaths } from "@skerry/model"
import { svgOf } from "../policy/svg.ts"
import { runCommandLine, type TestRun } from "../testing.ts"

const CONFIGURATION = {
  applications: { tools: { source: { kind: "debian", packages: ["less"] }, command: ["less"] } },
  resources: { keys: { kind: "service", service: "a.Keys", target: "vault" } },
  instances: {
    mail: { application: "tools", grants: ["keys"] },
    vault: { application: "tools" },
    paper: { application: "tools", disposableTemplate: true },
  },
  settings: { defaultDisposable: "paper" },
}

/** A home with a configuration and policies, removed at the end of the scope. */
class Home implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "skerry-policy-test-"))
  readonly policies = join(this.path, "config/policy.d")

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(this.policies, { recursive: true })
    writeFileSync(join(this.path, "config/skerry.json"), JSON.stringify(CONFIGURATION))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.policies, name), text)
  }

  run(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<TestRun> {
    const paths = hostPaths({ SKERRY_HOME: this.path }, 0)
    return runCommandLine(["policy", ...words], {
      paths,
      environment: { PATH: "/usr/bin:/bin", ...environment },
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

test("check names mistakes with their places, and fails", async () => {
  using home = new Home({ "30-a.policy": "a.One * mail vault alow\n", "40-b.policy": "!include gone\n" })
  const { status, stdout } = await home.run(["check"])
  assert.equal(status, 1)
  assert.deepEqual(stdout.split("\n"), [
    '30-a.policy:1: An action is allow, ask or deny, found "alow"',
    '40-b.policy:1: There is no file "gone"',
    "The policy cannot be used: until this is mended, every call is refused.",
    "",
  ])
})

test("check tells of what is probably a mistake, and succeeds", async () => {
  using home = new Home({ "30-a.policy": "a.One * mial vault allow\n" })
  const { status, stdout } = await home.run(["check", "--json"])
  const { isUsable, warnings } = JSON.parse(stdout) as { isUsable: boolean; warnings: { message: string }[] }
  assert.deepEqual([status, isUsable], [0, true])
  assert.deepEqual(
    warnings.map(({ message }) => message),
    ['There is no instance "mial": did you mean mail?'],
  )
})

test("check DIR looks at that directory alone", async () => {
  using home = new Home({ "30-a.policy": "nonsense" })
  const other = join(home.path, "other")
  mkdirSync(other)
  writeFileSync(join(other, "10-x.policy"), "a.One * mail vault allow\n")
  assert.match((await home.run(["check", other])).stdout, /^The policy can be used \(rules: 1, files: 1\)/)
  const slip = await home.run(["check", `${other}s`])
  assert.deepEqual([slip.status, slip.stdout], [2, ""])
  assert.match(slip.stderr, /There is no directory ".*others"/)
})

test("eval says which rule decides, in which file and line; grants and shipped rules count", async () => {
  using home = new Home({ "30-a.policy": "# mine\na.One * mail vault allow user=root\n" })
  const one = await home.run(["eval", "mail", "vault", "a.One+x", "--explain"])
  assert.deepEqual(
    [one.status, one.stdout],
    [0, "allow: to vault, as root\nDecided by 30-a.policy:2: a.One * mail vault allow user=root\n"],
  )
  assert.match((await home.run(["eval", "mail", "@default", "a.Keys"])).stdout, /^ask: for one of vault\n/)
  const copied = await home.run(["eval", "mail", "vault", "qubes.Filecopy", "--json"])
  assert.equal((JSON.parse(copied.stdout) as { rule: { file: string } }).rule.file, "90-default.policy")
  assert.match(
    (await home.run(["eval", "mial", "vault", "a.One"])).stderr,
    /no instance "mial": did you mean mail\?/,
  )
  const refused = await home.run(["eval", "paper", "vualt", "a.One", "--explain"])
  assert.equal(refused.status, 1)
  assert.match(refused.stdout, /The target counts as @default: there is no domain "vualt"/)
})

test("nothing is decided by a policy with a mistake", async () => {
  using home = new Home({ "30-a.policy": "a.One * mail vault allow\nnonsense\n" })
  const { status, stdout, stderr } = await home.run(["eval", "mail", "vault", "a.One"])
  assert.deepEqual([status, stdout], [1, ""])
  assert.match(stderr, /30-a.policy:2/)
})

test("graph draws in DOT, and as a picture", async () => {
  using home = new Home({ "30-a.policy": "a.One * mail vault allow\n" })
  const { stdout } = await home.run(["graph", "--service", "a.One"])
  assert.match(stdout, /^digraph g \{\n[^}]*"mail" -> "vault" \[label="a.One" color=red\];\n\}\n$/)
  const asked = await home.run(["graph", "--ask", "--service", "a.Keys", "--format", "svg"], {
    PATH: "/nonexistent",
  })
  assert.match(asked.stdout, /^<svg [\s\S]*>mail<[\s\S]*>vault<[\s\S]*<\/svg>\n$/)
})

test("what is in names cannot become part of the picture", () => {
  const svg = svgOf({
    nodes: [],
    edges: [{ from: "a<b", to: 'c"&d', label: "<script>", verdict: "allow" }],
  })
  assert.doesNotMatch(svg, /<script|a<b/)
  assert.match(svg, /&lt;script&gt;/)
})

/** An editor that puts `text` in the place of the file. */
const editor = (text: string) => ({ EDITOR: `sh -c 'printf "%s\\n" "$0" > "$1"' '${text}'` })

test("edit puts a good file in place", async () => {
  using home = new Home({})
  const { status, stdout } = await home.run(["edit"], editor("a.One * mail vault allow"))
  assert.equal(status, 0, stdout)
  assert.equal(readFileSync(join(home.policies, "30-user.policy"), "utf8"), "a.One * mail vault allow\n")
})

test("edit keeps the old file where the new one is bad, and the text that was written", async () => {
  using home = new Home({ "30-user.policy": "a.One * mail vault ask\n" })
  const { status, stderr } = await home.run(["edit", "30-user"], editor("a.One * mail vault alow"))
  assert.equal(status, 1)
  assert.match(stderr, /30-user.policy:1: An action is/)
  assert.equal(readFileSync(join(home.policies, "30-user.policy"), "utf8"), "a.One * mail vault ask\n")
  const draft = /your text is in (\S+)/.exec(stderr)?.[1] ?? ""
  assert.equal(readFileSync(draft, "utf8"), "a.One * mail vault alow\n")
  rmSync(join(draft, ".."), { recursive: true })
})

test("edit can mend one of two bad files", async () => {
  using home = new Home({ "30-a.policy": "bad\n", "40-b.policy": "worse\n" })
  assert.equal((await home.run(["edit", "30-a"], editor("# mended"))).status, 0)
  assert.equal((await home.run(["edit", "40-b"], editor("# mended"))).status, 0)
  assert.equal((await home.run(["check"])).status, 0)
})

test("edit changes nothing where the editor fails, or nothing was changed, or the name is none", async () => {
  using home = new Home({ "30-user.policy": "a.One * mail vault ask\n" })
  assert.equal((await home.run(["edit"], { EDITOR: "false" })).status, 1)
  assert.deepEqual((await home.run(["edit"], { EDITOR: "true" })).stdout, "Nothing was changed.\n")
  for (const name of ["../30-user", "UPPER", ".hidden", "a/b"]) {
    assert.equal((await home.run(["edit", name], { EDITOR: "true" })).status, 2, name)
  }
  assert.ok(!existsSync(join(home.path, "config/30-user.policy")))
})
