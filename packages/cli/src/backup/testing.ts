import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { openLinux } from "@skerry/linux"
import { type BackupReport, backUp } from "./back-up.ts"
import { readChain } from "./chain.ts"
import { collectConfiguration } from "./configuration-files.ts"
import { openDirectoryPlace } from "./directory-place.ts"
import { BackupError } from "./errors.ts"
import { describeFake, FakeState } from "./fake-state.ts"
import { makeHeader } from "./header.ts"
import type { BackupPlace } from "./place.ts"
import { hasHeader, makeVault, openVault, type Vault } from "./vault.ts"

/** For this folder's tests: a place, a configuration and a store, all small. */
export const PASSPHRASE = "correct horse"
export const quiet = { onProgress: () => {}, signal: new AbortController().signal }
const linux = openLinux()

export class Scene implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "skerry-backup-"))
  readonly dest = join(this.folder, "dest")
  readonly configuration = join(this.folder, "config")
  readonly state = new FakeState()
  #known: Pick<Vault, "id" | "key"> | undefined
  #now = 1_760_000_000_000

  constructor() {
    this.write("config/skerry.json", '{"version":1}')
    this.write("config/policy.d/30-mine.policy", "mine")
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    writeFileSync(join(this.folder, path), content)
  }

  /** Files of the backup, in order of their names. */
  files(): string[] {
    return readdirSync(this.dest, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "lock")
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
  }

  copyTo(name: string): string {
    const target = join(this.folder, name)
    cpSync(this.dest, target, { recursive: true })
    return target
  }

  async backUp(
    over: {
      trees?: readonly string[]
      versions?: "all" | "last"
      wrap?: (place: BackupPlace) => BackupPlace
    } = {},
  ): Promise<BackupReport> {
    await using place = (over.wrap ?? ((same) => same))(
      await openDirectoryPlace(this.dest, { linux, access: "write" }),
    )
    const vault = (await hasHeader(place))
      ? await this.#openAgain(place)
      : await makeVault(place, PASSPHRASE, (passphrase) => makeHeader(passphrase, { n: 2 ** 14, r: 8, p: 1 }))
    this.#known = vault
    return await backUp({
      ...quiet,
      vault,
      configuration: await collectConfiguration(this.configuration),
      about: { skerry: "0.1.0", configuration: `sha256:${"0".repeat(64)}`, images: [] },
      source: this.state,
      describe: describeFake,
      trees: over.trees ?? (await this.state.trees()).map(({ tree }) => tree),
      versions: over.versions ?? "all",
      now: this.#nextDay(),
    })
  }

  async open<T>(use: (vault: Vault) => Promise<T>, dest = this.dest, passphrase?: string): Promise<T> {
    await using place = await openDirectoryPlace(dest, { linux, access: "read" })
    return await use(await (passphrase === undefined ? this.#openAgain(place) : openVault(place, passphrase)))
  }

  #nextDay(): number {
    this.#now += 86_400_000
    return this.#now
  }

  /** Without scrypt, which takes its time. */
  async #openAgain(place: BackupPlace): Promise<Vault> {
    if (this.#known === undefined) return openVault(place, PASSPHRASE)
    const { id, key } = this.#known
    return { place, id, key, chain: await readChain(place, key) }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The power goes after so many writes and removals: everything later fails. */
export function cutAfter(steps: number): (place: BackupPlace) => BackupPlace {
  let left = steps
  const step = () => {
    if (left-- <= 0) throw new BackupError("no-space", "cut")
  }
  return (place) => ({
    shown: place.shown,
    list: (folder) => place.list(folder),
    read: (path, most) => place.read(path, most),
    write: async (path, bytes) => {
      step()
      await place.write(path, bytes)
    },
    remove: async (path) => {
      step()
      await place.remove(path)
    },
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  })
}

export const bytesOf = (path: string): Buffer => readFileSync(path)
