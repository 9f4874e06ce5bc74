import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { runChild } from "../exec/run-child.ts"
import type { Program } from "../program.ts"
import { parseDesktopEntry } from "./desktop-entry.ts"

/**
 * `qubes.StartApp+ID`: runs the application of ID.desktop, and ends with it: a disposable lives as long as its call.
 */
export const startApp: Program = async (io) => {
  const id = io.environment.QREXEC_SERVICE_ARGUMENT ?? ""
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/.test(id)) {
    throw new Error(
      `${JSON.stringify(id.slice(0, 64))} is no name of an application: use the name of its desktop entry`,
    )
  }
  const { command, directory } = parseDesktopEntry(await readEntry(id, io.environment))
  return await runChild(io, command, {
    isAside: true,
    ...(directory === undefined ? {} : { cwd: directory }),
  })
}

async function readEntry(
  id: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { HOME = "/", XDG_DATA_HOME, XDG_DATA_DIRS } = environment
  const roots = [
    XDG_DATA_HOME || join(HOME, ".local/share"),
    ...(XDG_DATA_DIRS || "/usr/local/share:/usr/share").split(":"),
  ]
  const name = id.endsWith(".desktop") ? id : `${id}.desktop`
  for (const root of roots) {
    try {
      return await readFile(join(root, "applications", name), "utf8")
    } catch (error) {
      if (!["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
    }
  }
  throw new Error(`There is no application ${JSON.stringify(id)} in this domain`)
}
