import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { VERSION } from "@skerry/model"

const main = join(import.meta.dirname, "main.ts")
const { PATH, NODE_COMPILE_CACHE } = process.env
const environment = { HOME: "/nonexistent", PATH, NODE_COMPILE_CACHE }

function skerry(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { env: environment })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

test("the program prints its version", () => {
  assert.deepEqual(skerry("version"), { status: 0, stdout: `skerry ${VERSION}\n`, stderr: "" })
})

test("the program tells results and errors apart", () => {
  const { status, stdout, stderr } = skerry("vesion")
  assert.deepEqual([status, stdout], [2, ""])
  assert.match(stderr, /did you mean version\?/)
})

test("a reader that goes away ends the program quietly", () => {
  const script = `"$1" "$2" help | true; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync("bash", ["-c", script, "bash", process.execPath, main], {
    env: environment,
  })
  assert.equal(stderr.toString(), "")
  assert.match(stdout.toString(), /^(?:0|141)\n$/)
})

test("a slow reader gets everything, on a pipe and on a socket", async () => {
  const home = mkdtempSync(join(tmpdir(), "skerry-slow-"))
  mkdirSync(join(home, "run"))
  writeFileSync(join(home, "run/skerryd.log"), "a line of the log\n".repeat(50_000))
  const env = { ...environment, SKERRY_HOME: home }
  const script = `"$1" "$2" daemon --log | (sleep 1; wc -c)`
  const { stdout } = spawnSync("sh", ["-c", script, "sh", process.execPath, main], { env })
  assert.equal(stdout.toString().trim(), "900000")
  const child = spawn(process.execPath, [main, "daemon", "--log"], { env })
  let byteCount = 0
  child.stdout.on("data", (chunk: Buffer) => {
    byteCount += chunk.length
    child.stdout.pause()
    setTimeout(() => child.stdout.resume(), 5)
  })
  await once(child, "close")
  assert.equal(byteCount, 900_000)
  rmSync(home, { recursive: true })
})

test("only the command that runs is loaded", () => {
  const loaded = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `
    import { registerHooks } from "node:module"
    registerHooks({ load(url, context, next) {
      if (url.startsWith("file:")) process.stderr.write(url + "\\n")
      return next(url, context)
    } })
    process.argv = [process.execPath, "skerry", "version"]
    await import(${JSON.stringify(main)})
  `,
    ],
    { env: environment },
  )
  assert.equal(loaded.stdout.toString(), `skerry ${VERSION}\n`)
  const commands = loaded.stderr
    .toString()
    .split("\n")
    .filter((url) => url.includes("/commands/"))
  assert.deepEqual(
    commands.map((url) => url.replace(/.*\//, "")),
    ["version.ts"],
  )
})

test("Ctrl-C ends a command at once, with status 130 and nothing left", async () => {
  const home = mkdtempSync(join(tmpdir(), "skerry-main-"))
  mkdirSync(join(home, "config"))
  writeFileSync(join(home, "config/skerry.config.ts"), "while (true) {}")
  const child = spawn(process.execPath, [main, "config", "check"], {
    env: { ...environment, SKERRY_HOME: home },
  })
  const errors: Buffer[] = []
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk))
  const ended = once(child, "close")
  const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim()
  while (children() === "") await new Promise((resolve) => setTimeout(resolve, 5))
  const evaluator = children()
  child.kill("SIGINT")
  assert.deepEqual(await ended, [130, null])
  assert.equal(Buffer.concat(errors).toString(), "")
  assert.equal(existsSync(`/proc/${evaluator}`), false)
  rmSync(home, { recursive: true })
})
