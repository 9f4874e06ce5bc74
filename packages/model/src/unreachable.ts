/** Stands in the default branch of a switch, so that the compiler finds a missing case. */
export function unreachable(value: never): never {
  throw new Error(`Unhandled case: ${JSON.stringify(value)}`)
}
