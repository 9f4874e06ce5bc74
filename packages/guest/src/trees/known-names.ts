/**
 * One name in a tree, as far as fids lead: what a new server is told of where a file was. Names below the root, each a
 * byte per character. A name is kept for as long as a fid or a name below it holds it.
 */
export class KnownName {
  #up: KnownName | undefined
  #name: string
  #below: Map<string, KnownName> | undefined
  #holds = 1

  private constructor(up: KnownName | undefined, name: string) {
    this.#up = up
    this.#name = name
  }

  /** Held by the caller, like all that is returned here. */
  static root(): KnownName {
    return new KnownName(undefined, "")
  }

  below(name: string): KnownName {
    this.#below ??= new Map()
    const known = this.#below.get(name)
    if (known !== undefined) return known.hold()
    const made = new KnownName(this.hold(), name)
    this.#below.set(name, made)
    return made
  }

  hold(): KnownName {
    this.#holds += 1
    return this
  }

  release(): void {
    this.#holds -= 1
    if (this.#holds > 0) return
    const up = this.#up
    if (up === undefined) return
    if (up.#below?.get(this.#name) === this) up.#below.delete(this.#name)
    up.release()
  }

  /** What was `name` in here is `newName` in `target` from now on, with all that is below it. */
  moveBelow(name: string, target: KnownName, newName: string): void {
    const moved = this.#below?.get(name)
    if (moved === undefined) return
    this.#below?.delete(name)
    target.#below ??= new Map()
    // What was there is gone from the tree; who holds it still knows its old name, which is as good as none.
    target.#below.set(newName, moved)
    target.hold()
    moved.#up = target
    moved.#name = newName
    this.release()
  }

  /** Where it is, for rename() by node: undefined for the root. */
  get place(): { readonly up: KnownName; readonly name: string } | undefined {
    return this.#up === undefined ? undefined : { up: this.#up, name: this.#name }
  }

  /** From the root on; empty where they would be more than `most`, and for the root itself. */
  names(most: number): readonly string[] {
    const names: string[] = []
    for (let at: KnownName = this; at.#up !== undefined; at = at.#up) {
      if (names.length === most) return []
      names.push(at.#name)
    }
    return names.reverse()
  }
}
