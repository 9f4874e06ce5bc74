export type ImageErrorCode =
  | "unknown-package" // the suite has no package of that name, or it cannot be installed
  | "no-mirror" // the host's apt knows no mirror for the suite
  | "unreachable" // a mirror did not answer, or does not have a file any more
  | "truncated" // a file is shorter than the lock says
  | "wrong-digest" // a file is not what the lock or an image's name says
  | "bad-signature" // an archive's index is not signed by a key of the keyring
  | "disk-full"
  | "unwritable" // a directory of Skerry's cannot be written
  | "tool-missing" // a program of the host is not installed
  | "tool-failed" // a program of the host failed; its own words are in the message
  | "bad-lock" // skerry.lock cannot be read
  | "bad-input" // a package, kernel or bundle is not of the form that a build needs
  | "busy" // another build is at work
  | "no-generation" // nothing was built yet, or not under that number
  | "bad-generation" // a generation's record cannot be read, or its images are gone
  | "aborted"

/** Something that kept an image from being built or found. */
export class ImageError extends Error {
  override readonly name = "ImageError"
  readonly code: ImageErrorCode
  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What the operating system said, as an ImageError; anything else unchanged. `doing`: "write the image". */
export function asImageError(error: unknown, doing: string, directory: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return new ImageError(
        "disk-full",
        `Cannot ${doing}: the disk of ${directory} is full; free some space there`,
        {
          cause: error,
        },
      )
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new ImageError(
        "unwritable",
        `Cannot ${doing}: ${directory} cannot be written (${error.code}); make it writable or choose another place with SKERRY_HOME`,
        { cause: error },
      )
    default:
      return error
  }
}
