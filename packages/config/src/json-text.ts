import { CONFIG_LIMITS } from "./limits.ts"

/** Says where JSON breaks its rules; line and column count from 1. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError"
  readonly line: number
  readonly column: number
  constructor(message: string, line: number, column: number) {
    super(message)
    this.line = line
    this.column = column
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /true|false|null/y
const SPACE = /[ \t\r\n]*/y

/**
 * As JSON.parse, and stricter in one point: a key that stands twice in an object is an error, because one of
 * the two would be lost without a word. Throws JsonSyntaxError.
 */
export function parseJson(untrustedText: string): unknown {
  const scanner = new Scanner(untrustedText)
  scanner.value(0)
  scanner.end()
  return JSON.parse(untrustedText)
}

/** Walks the text without building values; JSON.parse builds them once the text is known to be good. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #fail(message: string, at = this.#at): never {
    const before = this.#text.slice(0, at).split("\n")
    throw new JsonSyntaxError(message, before.length, (before.at(-1)?.length ?? 0) + 1)
  }

  #expected(what: string): never {
    const character = this.#text.slice(this.#at, this.#at + 1)
    const found = character === "" ? "the end of the file" : JSON.stringify(character)
    return this.#fail(`expected ${what}, found ${found}`)
  }

  #accept(character: string): boolean {
    this.#take(SPACE)
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    this.#take(SPACE)
    return true
  }

  value(depth: number): void {
    if (depth > CONFIG_LIMITS.depth) this.#fail(`values nest deeper than ${CONFIG_LIMITS.depth}`)
    this.#take(SPACE)
    if (this.#accept("{")) this.#members(depth)
    else if (this.#accept("[")) this.#items(depth)
    else if ((this.#take(STRING) ?? this.#take(NUMBER) ?? this.#take(WORD)) === undefined) {
      this.#expected("a value")
    }
  }

  #members(depth: number): void {
    const keys = new Set<string>()
    if (this.#accept("}")) return
    do {
      const at = this.#at
      const key = this.#take(STRING)
      if (key === undefined) this.#expected("a key in double quotes")
      const name = JSON.parse(key) as string
      if (keys.has(name)) this.#fail(`the key ${key} stands twice in the same object`, at)
      keys.add(name)
      if (!this.#accept(":")) this.#expected('":" after the key')
      this.value(depth + 1)
    } while (this.#accept(","))
    if (!this.#accept("}")) this.#expected('"," or "}"')
  }

  #items(depth: number): void {
    if (this.#accept("]")) return
    do this.value(depth + 1)
    while (this.#accept(","))
    if (!this.#accept("]")) this.#expected('"," or "]"')
  }

  end(): void {
    this.#take(SPACE)
    if (this.#at < this.#text.length) this.#expected("the end of the file")
  }
}
