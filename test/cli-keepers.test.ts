import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { openBuiltHome } from "./support/built-home.ts"
import { Person } from "./support/person.ts"
import { sampleApplication } from "./support/sample-system.ts"

/* What calls are for, on virtual machines: a vault's keys sign for another instance, and a hostile PDF is made harmless. */
const home = await openBuiltHome("keepers", {
  applications: { keys: sampleApplication("keys"), pages: sampleApplication("pages") },
  resources: { keys: { kind: "service", service: "skerry.Gpg", target: "vault", verdict: "allow" } },
  instances: {
    vault: { application: "keys" },
    work: { application: "keys", grants: ["keys"] },
    pages: { application: "pages", disposableTemplate: true },
  },
  settings: { defaultDisposable: "pages" },
})
after(() => home[Symbol.asyncDispose]())
const folder = mkdtempSync(join(tmpdir(), "skerry-keepers-"))
after(() => rmSync(folder, { recursive: true }))

const inside = (instance: string, script: string) => home.run(["run", instance, "--", "bash", "-c", script])

test("git commit -S in one instance is signed by a key that only the vault holds", async () => {
  const generate = `gpg --batch --quiet --passphrase "" --quick-generate-key "Vault <vault@example.org>" ed25519 sign never`
  const made = await inside("vault", `${generate} && gpg --list-keys --with-colons`)
  const fingerprint = /^fpr:{9}([0-9A-F]{40}):/m.exec(made.stdout)?.[1] ?? assert.fail(made.stderr)
  using person = new Person(home)
  const configure = `git init -q ~/r && cd ~/r && git config user.name Ada && git config user.email ada@example.org && git config gpg.program skerry-gpg && git config user.signingkey ${fingerprint}`
  const commit = await inside(
    "work",
    `${configure} && git commit -q --allow-empty -S -m "Say hello" && git verify-commit HEAD; ls -a ~`,
  )
  assert.match(commit.stderr, /Good signature from "Vault <vault@example\.org>"/)
  assert.doesNotMatch(commit.stdout, /\.gnupg/)
  const [question] = person.questions
  assert.ok(question?.kind === "confirm")
  assert.deepEqual([question.source, question.keeper, question.service], ["work", "vault", "skerry.Gpg"])
  const details = new Map(question.details.map(({ label, text }) => [label, text]))
  assert.equal(details.get("Kind"), "Git commit")
  assert.equal(details.get("Message"), "Say hello")
  assert.equal(details.get("Key"), `Vault <vault@example.org>\n${fingerprint}`)

  person.answer = "deny"
  const refused = await inside(
    "work",
    `cd ~/r && git commit -q --allow-empty -S -m "No"; git log --format=%s`,
  )
  assert.equal(refused.stdout, "Say hello\n")
  assert.equal(person.questions.length, 2)
})

test("an instance that was not granted the vault's keys hears nothing of them", async () => {
  const { status, stdout, stderr } = await inside("pages", "skerry-gpg --list-secret-keys")
  assert.equal(status, 2)
  assert.equal(stdout, "")
  assert.match(stderr, /^skerry-gpg: /)
})

test("a hostile PDF becomes a harmless one, and its disposable is gone", async () => {
  const contents = "BT /F 20 Tf 10 60 Td (Hello) Tj ET"
  const hostile = [
    "%PDF-1.7",
    "1 0 obj << /Type /Catalog /Pages 2 0 R /OpenAction 5 0 R >> endobj",
    "2 0 obj << /Type /Pages /Count 1 /Kids [3 0 R] >> endobj",
    "3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << /Font << /F 6 0 R >> >> >> endobj",
    `4 0 obj << /Length ${contents.length} >>\nstream\n${contents}\nendstream endobj`,
    "5 0 obj << /S /JavaScript /JS (app.alert\\(1\\)) >> endobj",
    "6 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj",
    "trailer << /Size 7 /Root 1 0 R >>",
    "%%EOF",
  ].join("\n")
  const path = join(folder, "letter.pdf")
  writeFileSync(path, hostile)
  const { status, stdout, stderr } = await home.run(["convert", path])
  assert.deepEqual([status, stdout], [0, `${join(folder, "letter.trusted.pdf")}\n`], stderr)
  const clean = readFileSync(join(folder, "letter.trusted.pdf"))
  for (const evil of ["JavaScript", "app.alert", "OpenAction", "/Font"])
    assert.ok(!clean.includes(evil), evil)
  // 200 × 100 points at 150 pixels per inch.
  assert.ok(clean.includes("/Width 417 /Height 209"))
  assert.equal(readFileSync(path, "utf8"), hostile)
  assert.deepEqual(readdirSync(folder).sort(), ["letter.pdf", "letter.trusted.pdf"])
  assert.doesNotMatch((await home.run(["ps"])).stdout, /pages-/)
})
