import { CallFailure } from "@skerry/rpc"

const ROOT = "/dev/tcp"

export interface TcpAddress {
  /** An address; no name is looked up. */
  readonly host: string
  readonly port: number
}

export const isTcpLink = (link: string): boolean => link === ROOT || link.startsWith(`${ROOT}/`)

/**
 * Where a service leads that is a link to /dev/tcp, /dev/tcp/HOST or /dev/tcp/HOST/PORT: what the link leaves open is
 * in the argument, HOST+PORT or PORT; of an IPv6 address ":" is written "+" there. Throws CallFailure "bad-service".
 */
export function parseTcpLink(link: string, argument: string): TcpAddress {
  const [host = "", port, ...more] = link.slice(ROOT.length + 1).split("/")
  if (more.length > 0) throw bad(link, argument)
  if (host !== "") return checked(host, port ?? argument, link, argument)
  const at = argument.lastIndexOf("+")
  if (at < 0 || port !== undefined) throw bad(link, argument)
  return checked(argument.slice(0, at).replaceAll("+", ":"), argument.slice(at + 1), link, argument)
}

function checked(host: string, portText: string, link: string, argument: string): TcpAddress {
  const port = Number(portText)
  const isPort = portText.length <= 5 && String(port) === portText && port >= 1 && port <= 65_535
  if (host === "" || !isPort) throw bad(link, argument)
  return { host: host === "localhost" ? "127.0.0.1" : host, port }
}

function bad(link: string, argument: string): CallFailure {
  const what = `${JSON.stringify(link)} with the argument ${JSON.stringify(argument.slice(0, 64))}`
  return new CallFailure("bad-service", `Cannot connect: ${what} names no address and port`)
}
