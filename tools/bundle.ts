import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { BUNDLED_CONFIG_PROGRAM } from "@skerry/config"
import { bundleFileServer, bundleProgram } from "@skerry/image"
import { type BuildOptions, build } from "esbuild"

/*
 * Makes dist/: the command line and the guest agent as one file each, the daemon as few. dist/skerry can be linked from
 * anywhere. Tests give another folder, which must be in this repository: what is not bundled is found from there.
 *
 * The command line is CommonJS: importing one of Node's own modules as ECMAScript evaluates all that it exports, which
 * took 4 ms for node:fs alone. Node keeps the code that it compiled, for each command on its own, since what the first
 * run of a program used is what is kept. A folder that the user cannot write to is left alone.
 */
const root = join(import.meta.dirname, "..")
const dist = resolve(process.argv[2] ?? join(root, "dist"))
const from = (path: string) => join(root, "packages", path)

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
const common = {
  bundle: true,
  platform: "node",
  target: "node24",
  minify: true,
  keepNames: true,
  legalComments: "none",
  external: ["esbuild", "koffi"],
  logLevel: "warning",
} satisfies BuildOptions
await build({
  ...common,
  entryPoints: {
    skerryd: from("daemon/src/main.ts"),
    "pump-thread": from("daemon/src/pump/pump-thread.ts"),
    "own-service-runner": from("daemon/src/calls/own-service-runner.ts"),
    [BUNDLED_CONFIG_PROGRAM.evaluator.replace(/\.js$/, "")]: from("config/src/evaluator/main.ts"),
    [BUNDLED_CONFIG_PROGRAM.entry.replace(/\.js$/, "")]: from("config/src/entry.ts"),
  },
  outdir: dist,
  splitting: true,
  format: "esm",
})
await build({
  ...common,
  entryPoints: [from("cli/src/main.ts")],
  outfile: join(dist, "cli.cjs"),
  format: "cjs",
  // The program is what the user runs, and what other files are found from.
  define: { "import.meta.url": "programUrl", "import.meta.filename": "__filename" },
  banner: { js: 'const programUrl = require("node:url").pathToFileURL(__dirname + "/skerry").href;' },
})
writeFileSync(join(dist, "files.cjs"), await bundleFileServer(from("files/src"), bundleProgram))
writeFileSync(join(dist, "agent.cjs"), await bundleProgram(from("guest/src/main.ts")))
writeFileSync(join(dist, "package.json"), '{ "type": "module" }\n')
// Node 24 as npm installed it, named by its path: looking for another one through env would cost a process.
const launcher = `#!${process.execPath}
const command = /^[a-z]+$/.exec(process.argv[2] ?? "")?.[0] ?? "none"
require("node:module").enableCompileCache(__dirname + "/compiled/" + command)
require("./cli.cjs")
`
writeFileSync(join(dist, "skerry.cjs"), launcher, { mode: 0o755 })
// Without a suffix it would be an ECMAScript module, as its neighbours are.
symlinkSync("skerry.cjs", join(dist, "skerry"))
console.log(`Bundled into ${relative(root, dist)}/: skerry, skerryd.js, agent.cjs`)
