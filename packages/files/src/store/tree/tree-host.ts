/** What a tree asks of the store that it is in. */
export interface TreeHost {
  /** The journal's life. */
  readonly life: number
  /** Nanoseconds since 1970; never the same or less than the last. */
  now(): bigint
  /** Into the journal; throws StoreError or Node's errors, and nothing has been written then. */
  append(tree: string, ops: Uint8Array, isMore: boolean): void
  synchronise(): void
  /** Throws StoreError "no-space" where so many bytes more would leave no room to work in. */
  expectRoom(bytes: number): void
  /** After each turn of a tree: time to make objects of what has changed, if there is much. Never throws. */
  afterTurn(): void
  space(): { readonly freeBytes: number }
}

/** 0: no bound. */
export interface Quota {
  readonly bytes: number
  readonly files: number
}
