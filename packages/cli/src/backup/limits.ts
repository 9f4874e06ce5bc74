export const BACKUP_LIMITS = {
  /** Of one part, unpacked: bounds what a hostile part makes of memory. */
  plainBytes: 32 * 1024 * 1024,
  /** Of one part as it lies there: what does not compress grows a little. */
  sealedBytes: 33 * 1024 * 1024,
  headerBytes: 4096,
  /** Parts of one backup directory: 32 TiB of them. Bounds the memory that their names take. */
  parts: 1024 * 1024,
  manifests: 1024 * 1024,
  /** Of the configuration directory; links and folders count. */
  configurationFiles: 10_000,
  configurationDepth: 32,
  /** Bytes of a path below the configuration directory. */
  pathBytes: 4096,
  /** What scrypt may be asked for: 2^14 to 2^18 blocks of 1 KiB. More would exhaust the memory. */
  scryptLeastN: 2 ** 14,
  scryptMostN: 2 ** 18,
  passphraseBytes: 4096,
  /** A tree may have so many versions in one backup. */
  versions: 100_000,
  /** Packs that are compressed and written while the next is filled. */
  packsInFlight: 2,
} as const
