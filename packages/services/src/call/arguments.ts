/** What skerry-call was asked to do. */
export interface CallArguments {
  readonly target: string
  readonly service: string
  readonly argument: string
  /** A program of this domain whose stdin and stdout are the call's; empty: this program's own are. */
  readonly command: readonly string[]
  /** Undefined: where it is a terminal. */
  readonly filterStdout: boolean | undefined
  readonly filterStderr: boolean | undefined
}

export const CALL_USAGE = `Usage: skerry-call [OPTION…] TARGET SERVICE[+ARGUMENT] [PROGRAM [ARGUMENT…]]

Calls a service of another domain, if the policy allows it. TARGET is a name, @dispvm, @dispvm:NAME, @adminvm, or
@default. Its input and output are this program's; of PROGRAM, if one is given.

  -t, --filter-escape-chars-stdout  let only printable ASCII through (the default on a terminal)
  -T, --filter-escape-chars-stderr
      --no-filter-escape-chars-stdout
      --no-filter-escape-chars-stderr
      --buffer-size=BYTES           does nothing: there is nothing to size

Status: the service's, or PROGRAM's; 127 there is no such service, 126 refused, 125 it could not be called.
`

export class BadArguments extends Error {
  override readonly name = "BadArguments"
}

/** Options come before TARGET, as in the reference. Throws BadArguments. */
export function parseCallArguments(argv: readonly string[]): CallArguments {
  let filterStdout: boolean | undefined
  let filterStderr: boolean | undefined
  let index = 0
  for (; argv[index]?.startsWith("-"); index++) {
    const option = argv[index] ?? ""
    if (option === "--") {
      index++
      break
    }
    if (option === "-t" || option === "--filter-escape-chars-stdout") filterStdout = true
    else if (option === "-T" || option === "--filter-escape-chars-stderr") filterStderr = true
    else if (option === "--no-filter-escape-chars-stdout") filterStdout = false
    else if (option === "--no-filter-escape-chars-stderr") filterStderr = false
    else if (option === "--buffer-size") index++
    else if (!option.startsWith("--buffer-size=")) {
      throw new BadArguments(`${JSON.stringify(option)} is no option of skerry-call`)
    }
  }
  const [target, name, ...command] = argv.slice(index)
  if (target === undefined || name === undefined) throw new BadArguments("TARGET and SERVICE are missing")
  const plus = name.indexOf("+")
  return {
    // Old scripts write keywords with a dollar.
    target: target.replaceAll("$", "@"),
    service: plus < 0 ? name : name.slice(0, plus),
    argument: plus < 0 ? "" : name.slice(plus + 1),
    command,
    filterStdout,
    filterStderr,
  }
}
