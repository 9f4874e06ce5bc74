import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import {
  codeOf,
  importedFile,
  importedPackage,
  importsOf,
  isProduct,
  packageOf,
  ROOT,
  type SourceFile,
  sourceFiles,
} from "./source-files.ts"

/* Which file may import what, with the reasons. The folder tree shows the trust boundary only while this holds. */
const files = sourceFiles()
const packages = [...new Set(files.flatMap(({ path }) => packageOf(path) ?? []))].sort()

/** Imports go from a later line to an earlier one. */
const LAYERS = [
  ["model", "wire", "linux"],
  ["rpc", "isolation", "policy", "config"],
  ["services", "loop"],
  ["files"], // runs in a loop
  ["image"], // beside isolation, but for this: an image is the files that a backend boots
  ["daemon", "guest", "cli"],
]

/** Downward, and forbidden all the same. */
const FORBIDDEN: readonly { readonly from: string; readonly to: readonly string[]; readonly why: string }[] =
  [
    {
      from: "guest",
      to: ["isolation", "image", "config"],
      why: "the guest agent ships into domains, where nothing of the host's side has any business",
    },
    {
      from: "isolation",
      to: ["rpc", "wire"],
      why: "a backend carries bytes to an agent and does not parse them; the daemon passes in how to wait for an answer",
    },
    {
      from: "daemon",
      to: ["config"],
      why: "the daemon starts what was built: the code in a configuration is evaluated only when a person asks for it",
    },
    {
      from: "files",
      to: ["isolation", "policy", "config", "services"],
      why: "the file server parses what guests send, and ships into a domain of its own: it knows trees and nothing else",
    },
    {
      from: "image",
      to: ["rpc", "wire", "config"],
      why: "a build depends on its inputs and talks to no domain",
    },
    {
      from: "config",
      to: ["wire", "linux"],
      why: "reading a configuration changes nothing on the host",
    },
    {
      from: "rpc",
      to: ["linux"],
      why: "transports are handed in as streams: parsing what a guest sent needs no calls into the kernel",
    },
  ]

/** Packages of npm: in these files only. */
const DEPENDENCIES: Readonly<Record<string, { readonly files: readonly string[]; readonly why: string }>> = {
  esbuild: {
    files: [
      "packages/image/src/bundle-program.ts",
      "packages/config/src/testing.ts",
      "tools/bundle.ts",
      "test/support/built-home.ts",
      "test/isolation-fixture.ts",
    ],
    why: "bundling is part of a build, never of running",
  },
  lmdb: {
    files: ["packages/files/src/store/objects/database.ts"],
    why: "one file knows the database below the state store",
  },
}

/** The built-in modules that a package may use, where they are few. */
const BUILT_INS: Readonly<Record<string, { readonly modules: readonly string[]; readonly why: string }>> = {
  model: { modules: ["node:path"], why: "model is pure: joining paths is all that it needs of Node" },
  wire: { modules: [], why: "wire parses what a guest sent: bytes in, values out, and nothing to take over" },
  policy: {
    modules: ["node:crypto"],
    why: "policy decides by what it is given: rules, domains and the time come from whoever asks",
  },
  rpc: {
    modules: ["node:stream", "node:stream/promises"],
    why: "rpc gets its transport handed in, and opens nothing by itself",
  },
}

/** An entry of its own, which reads the files that policy is in. */
const POLICY_ON_DISK = "packages/policy/src/files/"

test("an import is recognised wherever it stands, and text that looks like one is none", () => {
  const code = [
    'import "./a.ts"',
    'import type { B } from "./b.ts"',
    'import {\n  c,\n} from "./c.ts"',
    'export * from "./d.ts"',
    'const e = await import("./e.ts")',
    'const text = `\nimport x from "./no.ts"\n`',
    '// import x from "./no.ts"',
  ].join("\n")
  assert.deepEqual(
    importsOf(code).map(({ specifier, kind }) => `${kind} ${specifier}`),
    ["load ./a.ts", "types ./b.ts", "load ./c.ts", "load ./d.ts", "call ./e.ts"],
  )
})

test("every package has its place, and imports point one way", () => {
  assert.deepEqual(LAYERS.flat().sort(), packages)
  const layerOf = (name: string) => LAYERS.findIndex((layer) => layer.includes(name))
  expectNone((file, specifier) => {
    const from = packageOf(file.path)
    const to = importedPackage(specifier)
    if (from === undefined || to === undefined || from === to || layerOf(to) < layerOf(from)) return undefined
    return `${from} does not lie above ${to}`
  })
})

test("forbidden imports", () => {
  for (const { from, to } of FORBIDDEN) for (const name of [from, ...to]) assert.ok(packages.includes(name))
  expectNone((file, specifier) => {
    const to = importedPackage(specifier) ?? ""
    return FORBIDDEN.find((rule) => rule.from === packageOf(file.path) && rule.to.includes(to))?.why
  })
})

// The rest of it serves files: no part of a domain that uses them.
test("the agent reads 9P by the file server's codec, and takes nothing else of it", () => {
  expectNone((file, specifier) => {
    if (packageOf(file.path) !== "guest" || importedPackage(specifier) !== "files") return undefined
    return specifier === "@skerry/files/codec" ? undefined : "the agent is a client of the file server"
  })
})

test("packages from npm are used where they are meant to be", () => {
  expectNone((file, specifier) => {
    if (/^(?:[./]|node:|@skerry\/)/.test(specifier)) return undefined
    // What a configuration imports, in the types for editors.
    if (specifier === "skerry" && packageOf(file.path) === "config") return undefined
    const rule = DEPENDENCIES[specifier]
    if (rule === undefined) return "it is no dependency with a reason in docs/decisions/"
    return rule.files.includes(file.path) ? undefined : rule.why
  })
})

test("what is pure uses no input and output", () => {
  expectNone((file, specifier) => {
    const rule = BUILT_INS[packageOf(file.path) ?? ""]
    if (rule === undefined || !isProduct(file.path) || !specifier.startsWith("node:")) return undefined
    if (file.path.startsWith(POLICY_ON_DISK)) return undefined
    return rule.modules.includes(specifier) ? undefined : rule.why
  })
  for (const { path, text } of files) {
    if (!isProduct(path) || BUILT_INS[packageOf(path) ?? ""] === undefined) continue
    assert.doesNotMatch(codeOf(text), /\bprocess\.|\bfetch\(|\bDate\.now\(|\bMath\.random\(/, path)
  }
})

test("other packages are entered by their public entry", () => {
  const entries = new Set(
    packages.flatMap((name) => {
      const text = readFileSync(join(ROOT, "packages", name, "package.json"), "utf8")
      const { exports } = JSON.parse(text) as { exports: string | Record<string, string> }
      const subpaths = typeof exports === "string" ? ["."] : Object.keys(exports)
      return subpaths.map((subpath) => `@skerry/${name}${subpath.slice(1)}`)
    }),
  )
  expectNone((file, specifier) => {
    if (importedPackage(specifier) !== undefined) {
      return entries.has(specifier) ? undefined : "package.json exports no such entry"
    }
    const target = importedFile(file.path, specifier)
    if (target === undefined) return undefined
    const from = packageOf(file.path)
    const to = packageOf(target)
    if (from === to) return undefined
    // Fault tests take a backend's parts one by one.
    if (file.path.startsWith("test/")) return undefined
    if (to !== undefined) return "it reaches into another package"
    return isProduct(file.path) ? "tools and tests are no part of the product" : undefined
  })
})

test("a package names itself by no public entry: its files import each other", () => {
  expectNone((file, specifier) =>
    importedPackage(specifier) !== undefined && importedPackage(specifier) === packageOf(file.path)
      ? "import the file"
      : undefined,
  )
})

// A type may well be named by the file that uses it, and import() is how a file is loaded later.
test("files do not load each other in circles", () => {
  const targets = new Map(
    files.map((file) => [
      file.path,
      file.imports.flatMap(({ specifier, kind }) =>
        kind === "load" ? (importedFile(file.path, specifier) ?? []) : [],
      ),
    ]),
  )
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(path), `A circle: ${[...trail.slice(trail.indexOf(path)), path].join(" → ")}`)
    if (done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const { path } of files) if (!path.startsWith("test/")) visit(path, [])
})

test("the environment is read by main files, and handed on from there", () => {
  for (const { path, text } of files) {
    if (!isProduct(path) || path.endsWith("/main.ts")) continue
    assert.doesNotMatch(codeOf(text), /\bprocess\.env\b|"node:process"/, path)
  }
})

/** `broken` says why an import must not be; undefined: it may. */
function expectNone(broken: (file: SourceFile, specifier: string) => string | undefined): void {
  const found = files.flatMap((file) =>
    file.imports.flatMap(({ specifier }) => {
      const why = broken(file, specifier)
      return why === undefined ? [] : [`${file.path} imports ${specifier}: ${why}`]
    }),
  )
  assert.deepEqual(found, [])
}
