import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { findInstalled } from "@skerry/linux"

/**
 * In the bundle, instead of the package by which lmdb looks for its native module: in a sandbox that lies beside the program, and
 * there is no package around it. tools/bundle.ts
 */
export default function load(): unknown {
  const program = process.argv[1] ?? ""
  const beside = join(dirname(program), "lmdb.node")
  const packageName = `@lmdb/lmdb-linux-${process.arch}`
  const file = existsSync(beside) ? beside : findInstalled(program, packageName, "node.napi.glibc.node")
  if (file === undefined) throw new Error(`The state store cannot be opened: ${packageName} is not installed`)
  const module: { exports: unknown } = { exports: {} }
  process.dlopen(module, file)
  return module.exports
}
