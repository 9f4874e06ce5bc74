import type { ArgumentSpec, Command, OptionSpec } from "../command.ts"

/** What may stand in one place: words known now, words to ask `skerry` for, or files. */
export type Candidates =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "instances" }
  | { readonly kind: "files" }

/** The hidden command that lists instances, for the shell to call. */
export const LIST_INSTANCES = "skerry complete-words 2>/dev/null"

export function candidates(spec: ArgumentSpec | OptionSpec, commands: readonly Command[]): Candidates {
  if ("choices" in spec && spec.choices !== undefined) return { kind: "words", words: spec.choices }
  switch ("complete" in spec ? spec.complete : undefined) {
    case "instance":
      return { kind: "instances" }
    case "command":
      return { kind: "words", words: commands.map((command) => command.name) }
    case "file":
      return { kind: "files" }
    default:
      return { kind: "words", words: [] }
  }
}

/** Single quotes, as all three shells read them; fish alone takes a backslash inside them for special. */
export const shellQuote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
