import { createHash } from "node:crypto"
import { loadPolicy } from "./load.ts"
import { PolicyError } from "./policy-error.ts"

/*
 * The calls policy.* of the reference: files of a policy are listed, read, replaced and removed by name, each change
 * only with the token of what it was made from, and only if the whole policy can be used after it.
 */

export type AdministerErrorCode =
  | "protocol" // the call makes no sense
  | "file-name"
  | "not-found"
  | "token" // the file is not the one that the change was made from
  | "syntax" // the policy could not be used with the change

export class AdministerError extends Error {
  override readonly name = "AdministerError"
  readonly code: AdministerErrorCode
  constructor(code: AdministerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface Administered {
  readonly reply: string
  readonly files: ReadonlyMap<string, string>
}

interface Kind {
  readonly prefix: string
  readonly suffix: string
}

const KINDS: Readonly<Record<string, Kind>> = {
  policy: { prefix: "", suffix: ".policy" },
  "policy.include": { prefix: "include/", suffix: "" },
}

type Verb = (
  files: ReadonlyMap<string, string>,
  kind: Kind,
  argument: string,
  payload: string,
) => Administered

const VERBS: Readonly<Record<string, Verb>> = {
  List: (files, { prefix, suffix }, argument, payload) => {
    expectNothing(argument, payload)
    const names = [...files.keys()].flatMap((path) => {
      const name = path.slice(prefix.length, path.length - suffix.length)
      return path.startsWith(prefix) && path.endsWith(suffix) && !name.includes("/") ? [name] : []
    })
    return { files, reply: lines(names.sort()) }
  },
  Get: (files, kind, argument, payload) => {
    expectNothing("", payload)
    const text = files.get(pathOf(kind, argument))
    if (text === undefined) throw new AdministerError("not-found", `There is no ${pathOf(kind, argument)}`)
    return { files, reply: `${tokenOf(text)}\n${text}` }
  },
  Replace: (files, kind, argument, payload) => {
    const path = pathOf(kind, argument)
    const end = payload.indexOf("\n")
    if (end < 0) throw new AdministerError("protocol", "The payload begins with a line that holds a token")
    checkToken(files.get(path), payload.slice(0, end))
    return { reply: "", files: checked(new Map(files).set(path, payload.slice(end + 1))) }
  },
  Remove: (files, kind, argument, payload) => {
    const path = pathOf(kind, argument)
    if (!files.has(path)) throw new AdministerError("not-found", `There is no ${path}`)
    checkToken(files.get(path), payload.trimEnd())
    const left = new Map(files)
    left.delete(path)
    return { reply: "", files: checked(left) }
  },
}

/** `call` is `policy.List`, `policy.include.Get` and their like. Throws AdministerError; `files` is never changed. */
export function administer(
  files: ReadonlyMap<string, string>,
  call: string,
  argument: string,
  payload: string,
): Administered {
  const found = /^(policy(?:\.include)?)\.([A-Za-z]+)$/.exec(call)
  const kind = KINDS[found?.[1] ?? ""]
  const verb = found?.[2] ?? ""
  if (!/^[A-Za-z0-9_.+-]*$/.test(argument)) {
    throw new AdministerError("protocol", 'An argument has letters, digits and "_", ".", "+", "-" only')
  }
  if (call === "policy.GetFiles") return filesFor(files, argument, payload)
  if (kind === undefined || !Object.hasOwn(VERBS, verb)) {
    throw new AdministerError("protocol", `There is no call ${JSON.stringify(call)}`)
  }
  return (VERBS[verb] ?? never)(files, kind, argument, payload)
}

const never = (): never => {
  throw new Error("A verb that is own is there")
}

/** In which files are rules for this service? */
function filesFor(files: ReadonlyMap<string, string>, service: string, payload: string): Administered {
  expectNothing("", payload)
  if (service === "") throw new AdministerError("protocol", "It needs the name of a service")
  if (service.includes("+")) throw new AdministerError("protocol", 'A service\'s name has no "+"')
  const { rules } = loadPolicy(files)
  const names = rules.filter((rule) => rule.service === undefined || rule.service === service)
  return { files, reply: lines([...new Set(names.map(({ file }) => file.replace(/\.policy$/, "")))]) }
}

function pathOf({ prefix, suffix }: Kind, name: string): string {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(name)) {
    throw new AdministerError("file-name", `${JSON.stringify(name)} cannot be the name of a policy file`)
  }
  return `${prefix}${name}${suffix}`
}

/** Names the text of a file, so that a change is refused if another one came before it. */
export const tokenOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`

function checkToken(text: string | undefined, token: string): void {
  if (token === "any") return
  if (token !== "new" && !token.startsWith("sha256:")) {
    throw new AdministerError("protocol", 'A token is "any", "new", or "sha256:" and a digest')
  }
  if (text === undefined) {
    if (token !== "new") throw new AdministerError("token", "There is no such file any more")
    return
  }
  if (token === "new") throw new AdministerError("token", "There is such a file already")
  if (token !== tokenOf(text)) throw new AdministerError("token", "The file was changed meanwhile")
}

function checked(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  try {
    loadPolicy(files)
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause
    const message = `The policy could not be used with this change: ${cause.message}`
    throw new AdministerError("syntax", message, { cause })
  }
  return files
}

function expectNothing(argument: string, payload: string): void {
  if (argument !== "") throw new AdministerError("protocol", "It takes no argument")
  if (payload !== "") throw new AdministerError("protocol", "It takes no payload")
}

const lines = (names: readonly string[]) => names.map((name) => `${name}\n`).join("")
