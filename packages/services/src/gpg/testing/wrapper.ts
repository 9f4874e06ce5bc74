import { appendFileSync } from "node:fs"
import { runProgram, serviceTable } from "../../testing.ts"
import { gpgClient } from "../client.ts"
import { gpgService } from "../service.ts"

/*
 * The wrapper as a process of its own, as git starts it: the vault runs in the same process on the GNUPGHOME of
 * SKERRY_TEST_VAULT, and the person's answer is SKERRY_TEST_ANSWER. Questions are lines of SKERRY_TEST_QUESTIONS.
 */
const { env } = process
const service = gpgService(() => (question) => {
  appendFileSync(env.SKERRY_TEST_QUESTIONS ?? "/dev/null", `${JSON.stringify(question)}\n`)
  return Promise.resolve(env.SKERRY_TEST_ANSWER !== "no")
})
const { PATH = "", HOME = "", SKERRY_TEST_VAULT = "" } = env
const { openCall } = serviceTable({
  "skerry.Gpg": () => runProgram(service, { environment: { PATH, HOME, GNUPGHOME: SKERRY_TEST_VAULT } }),
})
const { stdin, stdout, stderr } = process
process.exitCode = await gpgClient({
  argv: process.argv.slice(2),
  environment: {},
  cwd: process.cwd(),
  stdin,
  stdout,
  stderr,
  openCall,
})
