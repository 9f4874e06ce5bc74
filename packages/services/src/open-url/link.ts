export const LINK_LIMITS = {
  /** Bytes of a link: what browsers and servers take at least, and no more than a prompt or a log bears. */
  linkBytes: 4096,
} as const

const SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "ftp:", "mailto:"])

/** A link that is not opened; `message` says why. */
export class LinkError extends Error {
  override readonly name = "LinkError"
  readonly code = "bad-link"
}

/**
 * The link, written as its scheme demands: printable ASCII without spaces and quotes, of a scheme that a stranger may
 * have opened. It is safe as a word of a command line (never as a shell's text). Throws LinkError.
 */
export function parseLink(untrustedLink: string): string {
  if (untrustedLink.length > LINK_LIMITS.linkBytes) {
    throw new LinkError(`The link is longer than ${LINK_LIMITS.linkBytes} bytes`)
  }
  const shown = JSON.stringify(untrustedLink.slice(0, 64))
  if (!/^[!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]+$/.test(untrustedLink)) {
    throw new LinkError(`Cannot open ${shown}: a link has no spaces, quotes, control or non-ASCII characters`)
  }
  const link = URL.parse(untrustedLink)
  if (link === null) throw new LinkError(`Cannot open ${shown}: it is no link`)
  if (!SCHEMES.has(link.protocol)) {
    throw new LinkError(`Cannot open ${shown}: only http, https, ftp and mailto links are opened`)
  }
  const { href } = link
  if (href.length > LINK_LIMITS.linkBytes) {
    throw new LinkError(`The link is longer than ${LINK_LIMITS.linkBytes} bytes`)
  }
  return href
}
