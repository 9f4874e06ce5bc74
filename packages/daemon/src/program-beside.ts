import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The file of a program that runs apart: `NAME.ts` beside the module of this URL, in a bundle `NAME.js`. */
export function programBeside(moduleUrl: string, name: string): string {
  for (const file of [`${name}.js`, `${name}.ts`]) {
    const path = fileURLToPath(new URL(file, moduleUrl))
    if (existsSync(path)) return path
  }
  throw new Error(`Skerry's own program ${name} is missing: install Skerry again`)
}
