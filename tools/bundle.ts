import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { BUNDLED_CONFIG_PROGRAM } from "@skerry/config"
import { bundleAgent } from "@skerry/image"
import { build } from "esbuild"

/*
 * Makes dist/: the command line and the daemon as few files that start fast, and the guest agent as one. Split, so
 * that a command loads only what it needs. dist/skerry can be linked from anywhere. Tests give another folder, which
 * must be in this repository: what is not bundled is found from there.
 */
const root = join(import.meta.dirname, "..")
const dist = resolve(process.argv[2] ?? join(root, "dist"))
const from = (path: string) => join(root, "packages", path)

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
await build({
  entryPoints: {
    cli: from("cli/src/main.ts"),
    skerryd: from("daemon/src/main.ts"),
    [BUNDLED_CONFIG_PROGRAM.evaluator.replace(/\.js$/, "")]: from("config/src/evaluator/main.ts"),
    [BUNDLED_CONFIG_PROGRAM.entry.replace(/\.js$/, "")]: from("config/src/entry.ts"),
  },
  outdir: dist,
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minify: true,
  keepNames: true,
  legalComments: "none",
  external: ["esbuild", "koffi"],
  logLevel: "warning",
})
writeFileSync(join(dist, "agent.cjs"), await bundleAgent(from("guest/src/main.ts")))
writeFileSync(join(dist, "package.json"), '{ "type": "module" }\n')
// Node 24 as npm installed it, named by its path: looking for another one through env would cost a process.
const main = readFileSync(join(dist, "cli.js"), "utf8").replace(/^#!.*\n/, "")
const program = join(dist, "skerry")
writeFileSync(program, `#!${process.execPath}\n${main}`)
chmodSync(program, 0o755)
console.log(`Bundled into ${relative(root, dist)}/: skerry, skerryd.js, agent.cjs`)
