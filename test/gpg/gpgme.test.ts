import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { after, before, test } from "node:test"
import { TestVault } from "../../packages/services/src/gpg/testing/test-vault.ts"

/* GPGME is what mail programs and file managers drive gpg with; Debian's python3-gpg is the nearest way to it. */
const python = "/usr/bin/python3"
const skip = spawnSync(python, ["-c", "import gpg"]).status !== 0 && "python3-gpg is not installed"

const SCRIPT = `
import gpg, sys
context = gpg.Context(armor=True)
context.set_engine_info(gpg.constants.PROTOCOL_OpenPGP, file_name=sys.argv[1])
key = list(context.keylist(secret=True))[0]
print(key.uids[0].uid)
context.signers = [key]
signature, made = context.sign(b"hello", mode=gpg.constants.sig.mode.DETACH)
print(made.signatures[0].fpr)
print(context.verify(b"hello", signature)[1].signatures[0].fpr)
secret, _, _ = context.encrypt(b"secret", recipients=[key], always_trust=True, sign=False)
print(context.decrypt(secret)[0])
`

let vault: TestVault
before(async () => {
  vault = await TestVault.create()
})
after(() => vault[Symbol.asyncDispose]())

test("a program built on GPGME signs, verifies, encrypts and decrypts through the wrapper", { skip }, () => {
  const { stdout, stderr } = spawnSync(python, ["-c", SCRIPT, vault.wrapperPath], {
    env: vault.clientEnvironment("yes"),
    encoding: "utf8",
    timeout: 60_000,
  })
  const { fingerprint } = vault
  const expected = ["Vault Test <vault@example.org>", fingerprint, fingerprint, "b'secret'", ""]
  assert.deepEqual(stdout.split("\n"), expected, stderr)
  assert.deepEqual(
    vault.takeQuestions().map(({ operation }) => operation),
    [`sign ${fingerprint}`, "decrypt"],
  )
})
