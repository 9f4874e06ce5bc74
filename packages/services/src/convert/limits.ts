/** Bounds of one conversion. What renders is hostile: all that comes from it is measured against these. */
export const CONVERT_LIMITS = {
  /** Pages of one document. */
  pages: 10_000,
  /** Pixels of a page's side: bounds one page at 300 MB of pixels, of which only a piece is in memory. */
  sidePixels: 10_000,
  /** Bytes of pixels of a whole document: 10,000 pages of A4 at 150 dpi are 65 GB; a bomb stops here. */
  pixelBytes: 96 * 1024 ** 3,
  /** Bytes of the PDF that is made: its table of positions has ten digits, and a disk has an end. */
  resultBytes: 4 * 1024 ** 3,
  /** Bytes of the original. */
  documentBytes: 1024 ** 3,
  /** Bytes of a line that announces pages or a page: "10000 10000". */
  lineBytes: 16,
  /** Bytes kept of what the renderer says of a failure. */
  complaintBytes: 1000,
  leastDpi: 36,
  mostDpi: 600,
  dpi: 150,
  /** Without a byte for so long, the renderer is given up. The first page waits for a domain to start and an office document to load. */
  idleMs: 180_000,
  /** For one document, whatever it sends. */
  totalMs: 3_600_000,
} as const
