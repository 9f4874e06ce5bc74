import { FilecopyError } from "./qfile.ts"

/** What the argument of qubes.Filecopy and skerry.FileRead may ask for: words joined by "+". */
export interface CopyOptions {
  readonly allNames: boolean
  readonly resume: boolean
  /** Whom the files are from, where the host relays them; a domain cannot say so of itself. */
  readonly from: string | undefined
}

/** The reference knows `allow-all-names` alone and ignores anything else; here what is not known is refused. */
export function parseCopyArgument(untrustedArgument: string): CopyOptions {
  let options: CopyOptions = { allNames: false, resume: false, from: undefined }
  for (const word of untrustedArgument.split("+")) {
    if (word === "") continue
    if (word === "allow-all-names") options = { ...options, allNames: true }
    else if (word === "resume") options = { ...options, resume: true }
    else if (word.startsWith("from.")) options = { ...options, from: word.slice("from.".length) }
    else
      throw new FilecopyError(
        "bad-stream",
        `Cannot copy with ${JSON.stringify(word.slice(0, 64))}: use allow-all-names or resume`,
      )
  }
  return options
}

export function copyArgument({ allNames, resume, from }: CopyOptions): string {
  return [
    ...(allNames ? ["allow-all-names"] : []),
    ...(resume ? ["resume"] : []),
    ...(from === undefined ? [] : [`from.${from}`]),
  ].join("+")
}

/** The name under which the host calls; no domain can have it. */
export const HOST_NAME = "@adminvm"
