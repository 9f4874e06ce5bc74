import assert from "node:assert/strict"
import { test } from "node:test"
import {
  directoriesOf,
  parseApplicationName,
  parseInstanceName,
  placesOverlap,
  SYSTEM_VERSION,
} from "@skerry/model"
import { ConfigError } from "./config-error.ts"
import { hostDirectory, state } from "./entry.ts"
import { CONFIG_LIMITS } from "./limits.ts"
import { normalise } from "./normalise.ts"

const scratch = { source: { kind: "debian", packages: ["less", "bash", "less"] }, command: ["bash", "-l"] }

test("everything that was left out is filled in", () => {
  const { system } = normalise(
    { applications: { scratch }, instances: { mail: { application: "scratch" } } },
    "x",
  )
  assert.equal(system.version, SYSTEM_VERSION)
  assert.deepEqual(system.settings, {
    standby: { perImage: 1, memoryMiB: 512 },
    limits: { domains: 128, startsAtOnce: 2, startsWaiting: 1024 },
    defaultDisposable: null,
    calls: { atOnce: 256, perSecond: 1000, burst: 2000, promptSeconds: 120, depth: 8 },
    state: {
      server: "process",
      snapshotMinutes: 60,
      keep: { last: 10, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 10 },
      limitMiB: null,
    },
  })
  const application = system.applications[parseApplicationName("scratch")]
  assert.deepEqual(application?.source, {
    kind: "debian",
    suite: "bookworm",
    mirror: "host",
    components: ["main"],
    packages: ["bash", "less"],
    documentation: false,
    locales: [],
  })
  assert.deepEqual([application.user, application.workingDirectory], ["user", "/home/user"])
  assert.deepEqual(system.instances[parseInstanceName("mail")], {
    application: "scratch",
    grants: [],
    isolation: "vm",
    memoryMiB: 256,
    vcpus: 1,
    processes: 512,
    cpuWeight: 100,
    tags: [],
    disposableTemplate: false,
    defaultDisposable: null,
  })
})

test("an object that is given in part is filled in too", () => {
  const { system } = normalise(
    { applications: {}, instances: {}, settings: { standby: { perImage: 0 } } },
    "x",
  )
  assert.deepEqual(system.settings.standby, { perImage: 0, memoryMiB: 512 })
})

test("the order of writing changes no byte, a value does", () => {
  const a = normalise({ applications: { a: scratch, b: scratch }, instances: {} }, "x")
  const turned = { command: scratch.command, source: { packages: ["bash", "less"], kind: "debian" } }
  const b = normalise({ instances: {}, $schema: "s.json", applications: { b: turned, a: turned } }, "y")
  assert.equal(a.canonicalJson, b.canonicalJson)
  assert.equal(a.digest, b.digest)
  const c = normalise({ applications: { a: scratch }, instances: {} }, "x")
  assert.notEqual(a.digest, c.digest)
})

test("the result cannot be changed, and finds nothing that was not put there", () => {
  const { system } = normalise({ applications: { scratch }, instances: {} }, "x")
  assert.throws(() => Object.assign(system.settings.limits, { domains: 1 }), TypeError)
  assert.throws(() => Object.assign(system.instances, { x: {} }), TypeError)
  assert.equal((system.applications as Record<string, unknown>).toString, undefined)
})

test("a key __proto__ is an unknown key and changes no other object", () => {
  const untrusted: unknown = JSON.parse('{"applications": {}, "instances": {}, "__proto__": {"polluted": 1}}')
  assert.throws(() => normalise(untrusted, "x"), /__proto__: found an unknown key/)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test("problems are all reported, up to a bound; the rest is counted", () => {
  const names = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`i${at}`, { application: "x" }]))
  const problemsOf = (count: number) => {
    try {
      normalise({ applications: {}, instances: names(count) }, "skerry.json")
    } catch (error) {
      assert.ok(error instanceof ConfigError)
      return error
    }
    return assert.fail("it was accepted")
  }
  assert.equal(problemsOf(CONFIG_LIMITS.problems).problems.length, CONFIG_LIMITS.problems)
  assert.doesNotMatch(problemsOf(CONFIG_LIMITS.problems).message, /more/)
  const over = problemsOf(CONFIG_LIMITS.problems + 1)
  assert.equal(over.problems.length, CONFIG_LIMITS.problems)
  assert.match(over.message, /21 problems[\s\S]*… and 1 more$/)
})

test("a list stands at its limit and not over it", () => {
  const withWords = (count: number) => ({
    applications: { a: { ...scratch, command: new Array<string>(count).fill("x") } },
    instances: {},
  })
  normalise(withWords(256), "x")
  assert.throws(() => normalise(withWords(257), "x"), /a list of 257; allowed: a list of 1 to 256 items/)
})

test("numbers stand at their limits and not beyond", () => {
  const withMemory = (memoryMiB: number) => ({
    applications: { scratch },
    instances: { a: { application: "scratch", memoryMiB } },
  })
  for (const good of [64, 1_048_576]) normalise(withMemory(good), "x")
  for (const bad of [63, 1_048_577, 256.5, Number.NaN, -1]) {
    assert.throws(() => normalise(withMemory(bad), "x"), ConfigError)
  }
})

test("directories and grants of them are completed from each other, each once, in the order of names", () => {
  const { system } = normalise(
    {
      applications: { scratch },
      resources: {
        tax: hostDirectory("~/Documents/tax"),
        home: state("mail", { quotaMiB: 100 }),
        keys: { kind: "service", service: "a.Keys", target: "mail" },
      },
      instances: {
        mail: {
          application: "scratch",
          grants: [
            "tax",
            "keys",
            { resource: "home", access: "read" },
            "tax",
            { resource: "tax", at: "/tax" },
          ],
        },
      },
    },
    "x",
  )
  assert.deepEqual(system.instances[parseInstanceName("mail")]?.grants, [
    { resource: "home", at: "/home/user", access: "read" },
    { resource: "keys", at: null, access: null },
    { resource: "tax", at: "/mnt/tax", access: "read" },
    { resource: "tax", at: "/tax", access: "read" },
  ])
  assert.deepEqual(
    directoriesOf(system, parseInstanceName("mail")).map(({ origin, at }) => [origin.kind, at]),
    [
      ["state", "/home/user"],
      ["host", "/mnt/tax"],
      ["host", "/tax"],
    ],
  )
})

test("places and paths stand at their limits and not over them", () => {
  const withPath = (path: string, at = "/mnt/x") => ({
    applications: {},
    resources: { a: hostDirectory(path, { at }) },
    instances: {},
  })
  const long = `~/${"a".repeat(1022)}`
  for (const good of ["/a", "~/a/b", "~/.a", "/a/..b", "/a b", long]) normalise(withPath(good), "x")
  for (const bad of [
    "",
    "~",
    "~/",
    "/",
    "a",
    "./a",
    "~a/b",
    "/a/",
    "//a",
    "/a/./b",
    "/a/..",
    "/a\0b",
    `${long}a`,
  ]) {
    assert.throws(() => normalise(withPath(bad), "x"), ConfigError, bad)
  }
  for (const good of ["/home/user", "/procedure", "/srv/run"]) normalise(withPath("/a", good), "x")
  for (const bad of ["/", "srv", "/proc", "/proc/1", "/run/x", "/dev", "/sys/a", "/srv/../etc", "~/x"]) {
    assert.throws(() => normalise(withPath("/a", bad), "x"), ConfigError, bad)
  }
})

test("places that only begin alike keep apart", () => {
  for (const [a, b, doOverlap] of [
    ["/mnt/a", "/mnt/ab", false],
    ["/mnt/a", "/mnt/a", true],
    ["/mnt/a/b", "/mnt/a", true],
    ["/mnt/a", "/mnt/a/b", true],
  ] as const) {
    assert.equal(placesOverlap(a, b), doOverlap, `${a} ${b}`)
  }
})
