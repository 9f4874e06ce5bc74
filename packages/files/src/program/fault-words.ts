/*
 * What a server says last where a client's request met a mistake of its own. That client will ask the same of the next server,
 * so whoever starts it must know which one it was.
 */

export const faultWords = (client: number, why: string): string =>
  `a request of client ${client} met a mistake of this server: ${why}`

/** Words come from a process that reads what guests send. undefined: they are about none. */
export function faultyClient(untrustedWords: string): number | undefined {
  const found = /a request of client (\d{1,10}) met a mistake of this server/.exec(untrustedWords)
  return found?.[1] === undefined ? undefined : Number(found[1])
}
