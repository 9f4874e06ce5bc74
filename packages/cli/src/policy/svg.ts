import type { GraphEdge, PolicyGraph } from "@skerry/policy"

/*
 * A picture without Graphviz: callers on the left, targets on the right, a line for each pair with the services on it.
 * A domain that is both stands on both sides, so that no two lines lie on each other.
 */

const ROW = 34
const MARGIN = 24
const NODE_WIDTH = 180
const NODE_HEIGHT = 24
const CHARACTER = 6.6
const GAP_LEAST = 260

interface Pair {
  readonly from: string
  readonly to: string
  readonly verdict: GraphEdge["verdict"]
  readonly labels: string[]
}

export function svgOf({ edges }: PolicyGraph): string {
  const pairs = pairsOf(edges)
  const left = unique(pairs.map(({ from }) => from))
  const right = unique(pairs.map(({ to }) => to))
  const labelWidth = Math.max(0, ...pairs.map(({ labels }) => shortened(labels).length * CHARACTER))
  const gap = Math.max(GAP_LEAST, labelWidth + 60)
  const rightX = MARGIN + NODE_WIDTH + gap
  const width = rightX + NODE_WIDTH + MARGIN
  const height = 2 * MARGIN + ROW * Math.max(1, left.length, right.length, pairs.length)
  const placed = (names: readonly string[]) => {
    const step = (height - 2 * MARGIN) / Math.max(1, names.length)
    return new Map(names.map((name, at) => [name, MARGIN + step * (at + 0.5)]))
  }
  const leftY = placed(left)
  const rightY = placed(right)
  const lines = pairs.map((pair, at) => {
    const place = {
      x1: MARGIN + NODE_WIDTH,
      y1: leftY.get(pair.from) ?? 0,
      x2: rightX,
      y2: rightY.get(pair.to) ?? 0,
    }
    return line(pair, place, MARGIN + (height - 2 * MARGIN) * ((at + 0.5) / pairs.length))
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${Math.round(height)}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
${[...lines, ...left.map((name) => node(name, MARGIN, leftY)), ...right.map((name) => node(name, rightX, rightY))].join("\n")}
</svg>
`
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)]

function pairsOf(edges: readonly GraphEdge[]): readonly Pair[] {
  const pairs = new Map<string, Pair>()
  for (const { from, to, verdict, label } of edges) {
    const key = JSON.stringify([from, to, verdict])
    const pair = pairs.get(key) ?? { from, to, verdict, labels: [] }
    pair.labels.push(label)
    pairs.set(key, pair)
  }
  return [...pairs.values()]
}

const MOST_LABELS = 3

const shortened = (labels: readonly string[]): string =>
  labels.length <= MOST_LABELS
    ? labels.join(", ")
    : `${labels.slice(0, MOST_LABELS).join(", ")} and ${labels.length - MOST_LABELS} more`

interface Place {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
}

/** Each line bends through a height of its own in the middle, where its label stands. */
function line({ labels, verdict }: Pair, { x1, y1, x2, y2 }: Place, middleY: number): string {
  const middleX = (x1 + x2) / 2
  const colour = verdict === "ask" ? "#c77700" : "#b00020"
  const round = (value: number) => value.toFixed(1)
  const path = `M${x1} ${round(y1)} Q${round(x1 + 60)} ${round(middleY)} ${round(middleX)} ${round(middleY)} T${x2} ${round(y2)}`
  const dashes = verdict === "ask" ? ' stroke-dasharray="5 3"' : ""
  return `<g><title>${escaped(labels.join("\n"))}</title><path d="${path}" fill="none" stroke="${colour}"${dashes} marker-end="url(#end)"/><text x="${round(middleX)}" y="${round(middleY - 4)}" text-anchor="middle" fill="${colour}">${escaped(shortened(labels))}</text></g>`
}

function node(name: string, x: number, places: ReadonlyMap<string, number>): string {
  const y = places.get(name) ?? 0
  const dashes = name.startsWith("@") ? ' stroke-dasharray="2 2"' : ""
  return `<g><rect x="${x}" y="${(y - NODE_HEIGHT / 2).toFixed(1)}" width="${NODE_WIDTH}" height="${NODE_HEIGHT}" rx="5" fill="#f4f4f4" stroke="black"${dashes}/><text x="${x + NODE_WIDTH / 2}" y="${(y + 4).toFixed(1)}" text-anchor="middle">${escaped(name)}</text></g>`
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }
const escaped = (text: string): string => text.replace(/[&<>"]/g, (found) => ENTITIES[found] ?? found)
