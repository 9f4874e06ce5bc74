/* What a terminal sends for keys, and when its window gets and loses the keyboard. */

export type Key =
  | { readonly kind: "character"; readonly character: string }
  | { readonly kind: "named"; readonly name: NamedKey }
  /** The window has the keyboard from now on, or has lost it. */
  | { readonly kind: "focus"; readonly hasFocus: boolean }

export type NamedKey =
  | "up"
  | "down"
  | "left"
  | "right"
  | "pageUp"
  | "pageDown"
  | "tab"
  | "backTab"
  | "interrupt"

const SEQUENCES: Readonly<Record<string, Key>> = {
  "\u001b[A": { kind: "named", name: "up" },
  "\u001b[B": { kind: "named", name: "down" },
  "\u001b[C": { kind: "named", name: "right" },
  "\u001b[D": { kind: "named", name: "left" },
  "\u001bOA": { kind: "named", name: "up" },
  "\u001bOB": { kind: "named", name: "down" },
  "\u001bOC": { kind: "named", name: "right" },
  "\u001bOD": { kind: "named", name: "left" },
  "\u001b[5~": { kind: "named", name: "pageUp" },
  "\u001b[6~": { kind: "named", name: "pageDown" },
  "\u001b[Z": { kind: "named", name: "backTab" },
  "\u001b[I": { kind: "focus", hasFocus: true },
  "\u001b[O": { kind: "focus", hasFocus: false },
  "\t": { kind: "named", name: "tab" },
  "\u0003": { kind: "named", name: "interrupt" },
  "\u0004": { kind: "named", name: "interrupt" },
}

/** CSI: parameters, then one final byte; SS3: one byte. Anything else is a character. */
const SEQUENCE = /^\u001b(?:\[[0-?]*[ -/]*[@-~]|O[A-Z])/
const PASTE = { begin: "\u001b[200~", end: "\u001b[201~" } as const
/** Characters of a sequence that never ends: then it is none. */
const LONGEST = 32

/** Takes what was read in whatever pieces; what is pasted is no answer, and left out. */
export class KeyReader {
  #rest = ""
  #isPasting = false

  push(text: string): Key[] {
    const keys: Key[] = []
    this.#rest += text
    while (this.#rest !== "") {
      if (this.#isPasting) {
        if (!this.#endPaste()) break
        continue
      }
      const sequence = SEQUENCE.exec(this.#rest)?.[0]
      if (sequence === undefined && isUnfinished(this.#rest)) break
      const taken = sequence ?? String.fromCodePoint(this.#rest.codePointAt(0) ?? 0)
      this.#rest = this.#rest.slice(taken.length)
      if (taken === PASTE.begin) this.#isPasting = true
      else keys.push(...keyOf(taken))
    }
    return keys
  }

  #endPaste(): boolean {
    const end = this.#rest.indexOf(PASTE.end)
    if (end === -1) {
      this.#rest = this.#rest.slice(-PASTE.end.length)
      return false
    }
    this.#isPasting = false
    this.#rest = this.#rest.slice(end + PASTE.end.length)
    return true
  }
}

function keyOf(taken: string): Key[] {
  const known = SEQUENCES[taken]
  if (known !== undefined) return [known]
  return taken >= " " && taken !== "\u007f" && !taken.startsWith("\u001b")
    ? [{ kind: "character", character: taken }]
    : []
}

const isUnfinished = (rest: string) =>
  rest.startsWith("\u001b") && rest.length < LONGEST && /^\u001b(?:\[[0-?]*[ -/]*|O)?$/.test(rest)
