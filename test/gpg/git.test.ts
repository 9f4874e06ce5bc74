import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { promisify } from "node:util"
import { TestVault } from "../../packages/services/src/gpg/testing/test-vault.ts"

const run = promisify(execFile)
let vault: TestVault
before(async () => {
  vault = await TestVault.create()
})
after(() => vault[Symbol.asyncDispose]())

async function git(answer: "yes" | "no", ...args: string[]) {
  return run("git", args, { cwd: vault.workDirectory, env: vault.clientEnvironment(answer), timeout: 60_000 })
}

test("git commit -S is signed by a key that only the vault holds, and verified", async () => {
  await git("yes", "init", "--quiet")
  await git("yes", "config", "gpg.program", vault.wrapperPath)
  await git("yes", "config", "user.signingkey", vault.fingerprint)
  await git("yes", "config", "user.name", "Ada Example")
  await git("yes", "config", "user.email", "ada@example.org")
  writeFileSync(join(vault.workDirectory, "a.txt"), "hello\n")
  await git("yes", "add", "a.txt")
  await git("yes", "commit", "--quiet", "-S", "-m", "Say hello\n\nTo everybody.")
  const [question] = vault.takeQuestions()
  const details = new Map(question?.details.map(({ label, text }) => [label, text]))
  assert.equal(details.get("Kind"), "Git commit")
  assert.equal(details.get("Message"), "Say hello\n\nTo everybody.")
  assert.match(details.get("Author") ?? "", /^Ada Example <ada@example\.org> \d+ [+-]\d{4}$/)
  const { stdout: tree } = await git("yes", "rev-parse", "HEAD^{tree}")
  assert.equal(details.get("Tree"), tree.trim())
  assert.equal(details.get("Key"), `Vault Test <vault@example.org>\n${vault.fingerprint}`)

  const { stderr } = await git("yes", "verify-commit", "HEAD")
  assert.match(stderr, /Good signature from "Vault Test <vault@example\.org>"/)
  assert.deepEqual(vault.takeQuestions(), [])
})

test("a commit that is refused is not made", async () => {
  const { stdout: head } = await git("yes", "rev-parse", "HEAD")
  const failure: unknown = await git("no", "commit", "--quiet", "-S", "--allow-empty", "-m", "No").catch(
    (error) => error,
  )
  assert.match((failure as { stderr: string }).stderr, /gpg failed to sign the data/)
  const { stdout: still } = await git("yes", "rev-parse", "HEAD")
  assert.equal(still, head)
})

test("a tag is shown as one", async () => {
  await git("yes", "tag", "-s", "v1", "-m", "The first")
  const details = new Map(
    vault
      .takeQuestions()
      .at(-1)
      ?.details.map(({ label, text }) => [label, text]),
  )
  assert.equal(details.get("Kind"), "Git tag")
  assert.equal(details.get("Tag"), "v1")
  assert.match((await git("yes", "verify-tag", "v1")).stderr, /Good signature/)
})

test("a commit that was changed after it was signed does not verify", async () => {
  const { stdout: object } = await git("yes", "cat-file", "commit", "HEAD")
  const path = join(vault.workDirectory, "forged")
  writeFileSync(path, object.replace("Say hello", "Say nope!"))
  const { stdout: id } = await git("yes", "hash-object", "-t", "commit", "-w", path)
  const failure: unknown = await git("yes", "verify-commit", id.trim()).catch((error) => error)
  assert.match((failure as { stderr: string }).stderr, /BAD signature/)
  assert.ok(readFileSync(path, "utf8").includes("nope"))
})
