const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

export type Colours = Readonly<Record<keyof typeof CODES, (text: string) => string>>

/** Without colours, text stays as it is. What is painted must be safe already: see `printable`. */
export function coloursWhere(isWelcome: boolean): Colours {
  const paint = (code: number) => (text: string) => (isWelcome ? `\u001b[${code}m${text}\u001b[0m` : text)
  return {
    bold: paint(CODES.bold),
    dim: paint(CODES.dim),
    red: paint(CODES.red),
    green: paint(CODES.green),
    yellow: paint(CODES.yellow),
  }
}
