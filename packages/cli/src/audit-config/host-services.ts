import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Access, named } from "./access.ts"

const DIRECTORY = "host-services"
const SERVICE = /^([A-Za-z0-9_.-]+)\.ts$/
const SHOWN_DIGITS = 12

/** Code of the configuration that runs on this machine; the digest tells whether it is the same as it was. */
export function hostServices(configurationDirectory: string): readonly Access[] {
  const directory = join(configurationDirectory, DIRECTORY)
  return fileNames(directory).map((file): Access => {
    const digest = createHash("sha256")
      .update(readFileSync(join(directory, file)))
      .digest("hex")
    const service = SERVICE.exec(file)?.[1]
    return {
      subject: { kind: "machine", name: "" },
      topic: `host service ${file}`,
      weight: "grave",
      sentence:
        service === undefined
          ? `has ${named(`${DIRECTORY}/${file}`)}, which its services may use (sha256 ${digest.slice(0, SHOWN_DIGITS)})`
          : `runs ${named(`${DIRECTORY}/${file}`)} with your rights for whoever may call ${named(service)} (sha256 ${digest.slice(0, SHOWN_DIGITS)})`,
    }
  })
}

/** Files alone: of a folder nothing is run. */
function fileNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw error
  }
}
