/** Bytes of a page of the index, whatever the system's pages are. */
export const DATABASE_PAGE_BYTES = 4096

/** Address space, not memory: the most that the index can grow to. It stands in the file. */
export const DATABASE_MAP_BYTES = 64 * 2 ** 30
