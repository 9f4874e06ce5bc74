export type DocumentKind = "pdf" | "office" | ImageKind
export type ImageKind = "png" | "jpeg" | "gif" | "tiff" | "bmp" | "webp"

/** How a format's files begin; a dot stands for any byte. */
const BEGINNINGS: readonly (readonly [DocumentKind, RegExp])[] = [
  ["png", /^\x89PNG\r\n\x1a\n/],
  ["jpeg", /^\xff\xd8\xff/],
  ["gif", /^GIF8[79]a/],
  ["tiff", /^(?:II\*\0|MM\0\*)/],
  ["webp", /^RIFF.{4}WEBP/s],
  ["bmp", /^BM.{4}\0\0\0\0/s],
  ["office", /^(?:PK\x03\x04|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf)/],
  // A PDF may begin with something else; readers look for it in the first kilobyte.
  ["pdf", /%PDF-/],
]
const LOOKED_AT_BYTES = 1024

/** Pure: by what is in it, never by its name; undefined: nothing that can be rendered. */
export function documentKind(untrustedBytes: Uint8Array): DocumentKind | undefined {
  const beginning = Buffer.from(untrustedBytes.subarray(0, LOOKED_AT_BYTES)).toString("latin1")
  return BEGINNINGS.find(([, pattern]) => pattern.test(beginning))?.[0]
}
