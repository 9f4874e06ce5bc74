import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { openLinux } from "@skerry/linux"
import { hostPaths } from "@skerry/model"
import { CommandLine, repository } from "./command-line.ts"
import { buildShared, lendImages, sharedPaths } from "./image-build.ts"
import { sampleApplication, sampleSystem } from "./sample-system.ts"

/** The bundled command line, as users run it: from its own folder, so that nobody's dist/ changes under them. */
const BUNDLE = join(repository, "node_modules/.cache/skerry-test")
const LOCK_MS = 600_000

const CONFIGURATION = {
  applications: {
    pdf: sampleApplication("pdf", ["pdftotext", "-", "-"]),
    tools: sampleApplication("tools"),
  },
  instances: {
    pdf: { application: "pdf" },
    mail: { application: "tools" },
    bank: { application: "tools" },
    light: { application: "tools", isolation: "process" },
    other: { application: "tools", isolation: "process" },
  },
}

/**
 * A home with images, templates and instances of both levels, made through the command line. It stays from run to run
 * in SKERRY_TEST_CACHE; one process has it at a time. No daemon runs in it at first, nor after it was disposed of. Its
 * applications are sampleApplication()s, whose images are lent to it.
 */
export async function openBuiltHome(
  name = "commands",
  system: object = CONFIGURATION,
): Promise<CommandLine & AsyncDisposable> {
  const cache = process.env.SKERRY_TEST_CACHE ?? join(tmpdir(), "skerry-test-cache")
  const folder = join(cache, name)
  mkdirSync(folder, { recursive: true })
  await lock(join(cache, `${name}.lock`))
  execFileSync(process.execPath, [join(repository, "tools/bundle.ts"), BUNDLE], { stdio: "ignore" })
  const home = new CommandLine(folder, [join(BUNDLE, "skerry")])
  await home.end()
  const paths = hostPaths(home.environment, 0)
  await buildShared(sampleSystem())
  await lendImages(sharedPaths(), paths)
  const configuration = join(paths.configuration, "skerry.json")
  const text = JSON.stringify(system, null, 2)
  if (!existsSync(configuration) || readFileSync(configuration, "utf8") !== text) {
    writeFileSync(configuration, text)
  }
  const { status, stderr } = await home.run(["build"])
  if (status !== 0) throw new Error(`skerry build: ${stderr}`)
  return Object.assign(home, { [Symbol.asyncDispose]: () => home.end() })
}

/** Until this process ends. */
async function lock(path: string): Promise<void> {
  const descriptor = openSync(path, "a")
  const linux = openLinux()
  for (const deadline = Date.now() + LOCK_MS; !linux.tryLock(descriptor); await setTimeout(200)) {
    if (Date.now() > deadline) throw new Error(`${path} has been locked for ${LOCK_MS / 1000} s`)
  }
}

/** Polls until it holds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000) {
  for (const deadline = Date.now() + timeoutMs; !(await holds()); await setTimeout(50)) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`)
  }
}
