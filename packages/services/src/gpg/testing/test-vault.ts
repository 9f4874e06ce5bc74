import { execFile } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { KeeperQuestion } from "../../question.ts"

const run = promisify(execFile)

/** A vault with a real key, and a client's side that has none: a wrapper to run as gpg, and a folder to work in. */
export class TestVault implements AsyncDisposable {
  readonly folder: string
  readonly fingerprint: string
  private constructor(folder: string, fingerprint: string) {
    this.folder = folder
    this.fingerprint = fingerprint
  }

  static async create(): Promise<TestVault> {
    // gpg-agent's sockets must have short paths.
    const folder = mkdtempSync(join(tmpdir(), "skgpg-"))
    for (const name of ["vault", "work", "home"]) mkdirSync(join(folder, name), { mode: 0o700 })
    const environment = { PATH: process.env.PATH, GNUPGHOME: join(folder, "vault") }
    const words = ["--batch", "--passphrase", "", "--quick-generate-key"]
    await run("gpg", [...words, "Vault Test <vault@example.org>", "ed25519", "sign", "never"], {
      env: environment,
    })
    const { stdout } = await run("gpg", ["--list-secret-keys", "--with-colons"], { env: environment })
    const fingerprint = /^fpr:{9}([0-9A-F]{40}):/m.exec(stdout)?.[1] ?? ""
    await run(
      "gpg",
      ["--batch", "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "never"],
      { env: environment },
    )
    const wrapper = join(import.meta.dirname, "wrapper.ts")
    writeFileSync(join(folder, "skerry-gpg"), `#!/bin/sh\nexec "${process.execPath}" "${wrapper}" "$@"\n`)
    chmodSync(join(folder, "skerry-gpg"), 0o755)
    return new TestVault(folder, fingerprint)
  }

  get wrapperPath(): string {
    return join(this.folder, "skerry-gpg")
  }
  get workDirectory(): string {
    return join(this.folder, "work")
  }

  clientEnvironment(answer: "yes" | "no"): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      HOME: join(this.folder, "home"),
      GIT_CONFIG_NOSYSTEM: "1",
      SKERRY_TEST_VAULT: join(this.folder, "vault"),
      SKERRY_TEST_QUESTIONS: join(this.folder, "questions"),
      SKERRY_TEST_ANSWER: answer,
    }
  }

  /** What was asked since the last time. */
  takeQuestions(): KeeperQuestion[] {
    const path = join(this.folder, "questions")
    if (!existsSync(path)) return []
    const lines = readFileSync(path, "utf8").trim().split("\n")
    rmSync(path)
    return lines.map((line) => JSON.parse(line) as KeeperQuestion)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("gpgconf", ["--kill", "all"], {
      env: { PATH: process.env.PATH, GNUPGHOME: join(this.folder, "vault") },
    })
    rmSync(this.folder, { recursive: true, force: true })
  }
}
