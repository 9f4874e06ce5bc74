import { parseArgs } from "node:util"

/** How the file server is started; a wrong command line is a bug of whoever starts it. */
export interface ProgramOptions {
  readonly serves:
    | {
        readonly kind: "directory"
        readonly path: string
        readonly access: "read" | "write"
        /** The same directory as it was found by who started us; undefined: the path is as good. */
        readonly handle: number | undefined
      }
    | {
        readonly kind: "store"
        readonly path: string
        /** What all of it may take on disk; absent: what the disk has. */
        readonly limitMiB?: number
      }
  readonly control:
    | { readonly kind: "descriptors"; readonly control: number; readonly clients: number }
    /** In a machine: the control connection and each client are virtio ports. */
    | { readonly kind: "ports"; readonly control: string }
  /** koffi's native module; undefined: where npm put it. */
  readonly koffi: string | undefined
}

/**
 * directory --path DIR --access read|write [--handle FD]
 * store --path DIR [--limit-mib N]
 * …and --control FD --clients FD, or --control-port NAME; [--koffi FILE]
 */
export function parseProgramArguments(args: readonly string[]): ProgramOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      path: { type: "string" },
      access: { type: "string" },
      handle: { type: "string" },
      control: { type: "string" },
      clients: { type: "string" },
      "control-port": { type: "string" },
      koffi: { type: "string" },
      "limit-mib": { type: "string" },
    },
  })
  const { path, access, handle, control, clients, koffi } = values
  if (path === undefined) throw new Error("--path is missing")
  const port = values["control-port"]
  return {
    serves: parseServes(positionals, { path, access, handle, limit: values["limit-mib"] }),
    control:
      port === undefined
        ? { kind: "descriptors", control: descriptor(control), clients: descriptor(clients) }
        : { kind: "ports", control: port },
    koffi,
  }
}

function parseServes(
  words: readonly string[],
  {
    path,
    access,
    handle,
    limit,
  }: { path: string; access: string | undefined; handle: string | undefined; limit: string | undefined },
): ProgramOptions["serves"] {
  const [kind] = words
  if (words.length !== 1 || (kind !== "directory" && kind !== "store")) {
    throw new Error(`Say "directory" or "store", not ${JSON.stringify(words.join(" "))}`)
  }
  if (kind === "store") return { kind, path, ...(limit === undefined ? {} : { limitMiB: mebibytes(limit) }) }
  if (access !== "read" && access !== "write") throw new Error("--access is read or write")
  return { kind, path, access, handle: handle === undefined ? undefined : descriptor(handle) }
}

function mebibytes(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new Error(`${JSON.stringify(text)} is no number of MiB`)
  return Number(text)
}

function descriptor(text = ""): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`${JSON.stringify(text)} is no descriptor`)
  return Number(text)
}
