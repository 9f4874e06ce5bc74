import { ImageError } from "./errors.ts"

/** What a kernel module says of itself. */
export interface ModuleNeeds {
  /** As the kernel spells it: with "_" for "-". */
  readonly name: string
  readonly depends: readonly string[]
  /** Names or aliases to be loaded before. */
  readonly before: readonly string[]
  readonly aliases: readonly string[]
}

/**
 * Reads the .modinfo section: `key=value` texts that end in NUL. They are found by their keys anywhere in the file,
 * which spares an ELF parser for files that come out of a verified package.
 */
export function parseModinfo(file: string, bytes: Buffer): ModuleNeeds {
  const values = (key: string) =>
    [...bytes.toString("latin1").matchAll(new RegExp(`\\0${key}=([^\\0]*)`, "g"))].map(
      (found) => found[1] ?? "",
    )
  return {
    name: spelled(file.replace(/\.ko$/, "")),
    depends: values("depends").flatMap((text) =>
      text
        .split(",")
        .filter((name) => name !== "")
        .map(spelled),
    ),
    before: values("softdep").flatMap((text) => {
      const words = (/pre:\s*(.*?)(?:\s*post:|$)/.exec(text)?.[1] ?? "").split(/\s+/)
      return words.filter((word) => word !== "").map(spelled)
    }),
    aliases: values("alias").map(spelled),
  }
}

/** In an order in which each can be inserted; equal input in another order gives the same. Pure. */
export function moduleOrder(
  modules: readonly ModuleNeeds[],
  builtIn: ReadonlySet<string>,
): readonly string[] {
  const byName = new Map(modules.map((module) => [module.name, module]))
  const byAlias = new Map(
    modules.flatMap((module) => module.aliases.map((alias) => [alias, module] as const)),
  )
  const ordered: string[] = []
  const visit = (module: ModuleNeeds, path: readonly string[]) => {
    if (ordered.includes(module.name)) return
    if (path.includes(module.name)) {
      throw new ImageError(
        "bad-input",
        `Cannot order kernel modules: ${[...path, module.name].join(" needs ")}`,
      )
    }
    for (const need of module.depends) {
      const found = byName.get(need)
      if (found !== undefined) visit(found, [...path, module.name])
      else if (!builtIn.has(need)) {
        throw new ImageError(
          "bad-input",
          `Cannot use kernel module ${module.name}: it needs ${need}, which the image has not`,
        )
      }
    }
    for (const need of module.before) {
      const found = byName.get(need) ?? byAlias.get(need)
      if (found !== undefined) visit(found, [...path, module.name])
    }
    ordered.push(module.name)
  }
  for (const module of modules.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(module, [])
  return ordered
}

/** modules.builtin lists `kernel/drivers/dax/dax.ko`. */
export function parseBuiltIn(text: string): ReadonlySet<string> {
  return new Set(text.split("\n").map((line) => spelled(line.replace(/^.*\//, "").replace(/\.ko$/, ""))))
}

export function spelled(name: string): string {
  return name.replaceAll("-", "_")
}
