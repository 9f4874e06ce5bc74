import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { TestVault } from "../../packages/services/src/gpg/testing/test-vault.ts"

let vault: TestVault
before(async () => {
  vault = await TestVault.create()
})
after(() => vault[Symbol.asyncDispose]())

interface Result {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly fd3: string
}

/** Runs the wrapper with a real descriptor 3. */
async function gpg(
  args: readonly string[],
  input: string | Uint8Array = "",
  answer: "yes" | "no" = "yes",
): Promise<Result> {
  const child = spawn(vault.wrapperPath, args, {
    cwd: vault.workDirectory,
    env: vault.clientEnvironment(answer),
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    timeout: 60_000,
  })
  const texts = ["", "", "", ""]
  for (const fd of [1, 2, 3]) child.stdio[fd]?.on("data", (chunk) => (texts[fd] += String(chunk)))
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { status, stdout: texts[1] ?? "", stderr: texts[2] ?? "", fd3: texts[3] ?? "" }
}

const inWork = (name: string) => join(vault.workDirectory, name)

test("a text is signed in clear, and shown line for line", async () => {
  const signed = await gpg(["--clearsign"], "Pay 10 to Bob\nand nothing else\n")
  assert.equal(signed.status, 0, signed.stderr)
  assert.match(
    signed.stdout,
    /^-----BEGIN PGP SIGNED MESSAGE-----.*Pay 10 to Bob.*END PGP SIGNATURE-----\n$/s,
  )
  const details = new Map(vault.takeQuestions()[0]?.details.map(({ label, text }) => [label, text]))
  assert.equal(details.get("Text"), "Pay 10 to Bob\nand nothing else")
  const verified = await gpg(["--verify"], signed.stdout)
  assert.match(verified.stderr, /Good signature/)
  const forged = await gpg(["--status-fd=3", "--verify"], signed.stdout.replace("10", "99"))
  assert.equal(forged.status, 1)
  assert.match(forged.fd3, /^\[GNUPG:\] BADSIG /m)
})

test("a file gets a signature beside it, with its name marked as the caller's word", async () => {
  writeFileSync(inWork("release.tar"), Uint8Array.of(0, 1, 2, 255))
  const signed = await gpg([
    "--batch",
    "--no-tty",
    "--detach-sign",
    "--armor",
    "--status-fd",
    "3",
    "release.tar",
  ])
  assert.equal(signed.status, 0, signed.stderr)
  assert.match(signed.fd3, /^\[GNUPG:\] SIG_CREATED D /m)
  const details = new Map(vault.takeQuestions()[0]?.details.map(({ label, text }) => [label, text]))
  assert.equal(details.get("Kind"), "Not text: check its digest")
  assert.equal(details.get("File name, as the caller says"), "release.tar")
  assert.equal(details.get("Size"), "4 bytes")
  assert.equal(details.get("SHA-256"), "3d1f57c984978ef98a18378c8166c1cb8ede02c03eeb6aee7e2f121dfeee3e56")
  const verified = await gpg(["--verify", "release.tar.asc", "release.tar"])
  assert.match(verified.stderr, /Good signature/, verified.stderr)
  const again = await gpg(["--detach-sign", "--armor", "release.tar"])
  assert.match(again.stderr, /release\.tar\.asc": it exists/)
})

test("what is encrypted for the vault's key is decrypted only where it is allowed", async () => {
  const encrypted = await gpg(["-ea", "--trust-model", "always", "-r", vault.fingerprint], "the secret")
  assert.match(encrypted.stdout, /BEGIN PGP MESSAGE/, encrypted.stderr)
  assert.deepEqual(vault.takeQuestions(), [])
  const decrypted = await gpg(["--decrypt"], encrypted.stdout)
  assert.equal(decrypted.stdout, "the secret", decrypted.stderr)
  const [question] = vault.takeQuestions()
  assert.equal(question?.rememberable, true)
  assert.equal(question?.details[0]?.text, `Vault Test <vault@example.org>\n${vault.fingerprint}`)
  const refused = await gpg(["--decrypt", "--output", "plain", "--status-fd=3"], encrypted.stdout, "no")
  assert.equal(refused.status, 2)
  assert.equal(refused.stdout, "")
  assert.match(refused.stderr, /It was not allowed: Decrypt with Vault Test/)
  assert.match(refused.fd3, /^\[GNUPG:\] ERROR skerry 99$/m)
  assert.equal(existsSync(inWork("plain")), false)
})

test("--sign --encrypt asks, --output writes, and the message comes back whole", async () => {
  const words = [
    "-seat",
    "--always-trust",
    "-u",
    "vault@example.org",
    "-r",
    vault.fingerprint,
    "--yes",
    "-o",
    "both.asc",
  ]
  const made = await gpg(words, "both\n")
  assert.equal(made.status, 0, made.stderr)
  const read = await gpg(["-d", "--status-fd=3", "both.asc"])
  assert.equal(read.stdout, "both\n")
  assert.match(read.fd3, /GOODSIG/)
})

test("--output takes a device, and a failure does not remove it", async () => {
  symlinkSync("/dev/null", inWork("sink"))
  const signed = await gpg(["--clearsign"], "Pay 10\n")
  const made = await gpg(["-o", "sink", "--sign"], "x")
  assert.equal(made.status, 0, made.stderr)
  const forged = await gpg(["--yes", "-o", "sink", "--decrypt"], signed.stdout.replace("10", "99"))
  assert.equal(forged.status, 1, forged.stderr)
  assert.ok(existsSync(inWork("sink")))
})

test("keys are listed and exported without a question, secret ones never", async () => {
  vault.takeQuestions()
  const listed = await gpg(["--list-secret-keys", "--with-colons"])
  assert.match(listed.stdout, new RegExp(`^fpr:{9}${vault.fingerprint}:`, "m"))
  const exported = await gpg(["--export", "--armor", vault.fingerprint])
  assert.match(exported.stdout, /BEGIN PGP PUBLIC KEY BLOCK/)
  assert.deepEqual(vault.takeQuestions(), [])
  const shown = await gpg(["--show-keys"], exported.stdout)
  assert.match(shown.stdout, /Vault Test/)
  const refused = await gpg(["--import"], exported.stdout, "no")
  assert.match(refused.stderr, /It was not allowed: Import a public key/)
  const taken = await gpg(["--import"], exported.stdout)
  assert.equal(taken.status, 0, taken.stderr)
})

test("a key that the vault does not have signs nothing", async () => {
  vault.takeQuestions()
  const result = await gpg(["--sign", "-u", "--version"], "x")
  assert.match(result.stderr, /no key for "--version" that can sign/)
  assert.equal(result.status, 2)
  assert.deepEqual(vault.takeQuestions(), [])
})

test("too much to sign is refused before anybody is asked", async () => {
  const result = await gpg(["--sign"], new Uint8Array(64 * 1024 * 1024 + 1))
  assert.match(result.stderr, /takes 67108864 bytes of data at most/)
  assert.deepEqual(vault.takeQuestions(), [])
  assert.equal(readdirSync(vault.workDirectory).includes("plain"), false)
})
