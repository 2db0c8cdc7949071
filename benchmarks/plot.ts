// Draws SVG: bars with whiskers, and lines over numbers; readable on light and dark pages, no script, no font of its own.

export interface Bar {
  readonly name: string
  readonly value: number
  /** The ends of its 95 % interval, where there is one. */
  readonly low?: number
  readonly high?: number
  /** Set apart from what it is compared with. */
  readonly ours: boolean
}

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const WIDTH = 760
const LABELS = 250
const VALUES = 80
const TOP = 44
const ROW = 24
/** In order of use; each is clear on white and on near-black. */
const COLOURS = [
  '#0d9488',
  '#d97706',
  '#7c3aed',
  '#db2777',
  '#2563eb',
  '#65a30d',
  '#dc2626',
  '#0891b2',
]

const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #1f2937 }
.title { font-size: 14px; font-weight: 600 }
.faint { fill: #6b7280 }
.axis { stroke: #9ca3af; stroke-width: 1 }
.ours { fill: #0d9488 }
.other { fill: #94a3b8 }
.whisker { stroke: #374151; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb }
  .faint { fill: #9ca3af }
  .whisker { stroke: #f3f4f6 }
  .other { fill: #64748b }
}
</style>`

export function bars(title: string, unit: string, rows: readonly Bar[]): string {
  const most = Math.max(...rows.map(({ value, high }) => Math.max(value, high ?? 0)), 0) || 1
  const scale = (value: number) => ((WIDTH - LABELS - VALUES) * value) / most
  const drawn = rows.map((bar, index) => barAt(bar, TOP + index * ROW, scale))
  return svg(TOP + rows.length * ROW + 10, title, unit, drawn)
}

function barAt({ name, value, low, high, ours }: Bar, y: number, scale: (value: number) => number) {
  const middle = y + ROW / 2
  const end = LABELS + scale(Math.max(value, high ?? 0))
  const whisker =
    low === undefined || high === undefined
      ? ''
      : `<path class="whisker" d="M${at(LABELS + scale(low))} ${middle}H${at(LABELS + scale(high))}"/>`
  return [
    `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${escaped(name)}</text>`,
    `<rect class="${ours ? 'ours' : 'other'}" x="${LABELS}" y="${y + 4}" width="${at(Math.max(1, scale(value)))}" height="${ROW - 8}" rx="2"/>`,
    whisker,
    `<text class="faint" x="${at(end + 6)}" y="${middle + 4}">${short(value)}</text>`,
  ].join('')
}

/** Both axes begin at zero: a growth must not look larger than it is. */
export function lines(
  title: string,
  unit: string,
  across: string,
  series: readonly Line[],
): string {
  const [left, bottom, height] = [60, 300, 360]
  const all = series.flatMap(({ points }) => points)
  const most = (index: 0 | 1) => Math.max(...all.map((point) => point[index]), 0) || 1
  const x = (value: number) => at(left + ((WIDTH - left - 190) * value) / most(0))
  const y = (value: number) => at(bottom - ((bottom - TOP - 10) * value) / most(1))
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = share * most(1)
    return `<text class="faint" x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`
  })
  const marks = [...new Set(all.map(([value]) => value))].sort((a, b) => a - b)
  const under = thinned(marks).map(
    (value) =>
      `<text class="faint" x="${x(value)}" y="${bottom + 18}" text-anchor="middle">${short(value)}</text>`,
  )
  const axes = `<path class="axis" fill="none" d="M${left} ${TOP}V${bottom}H${WIDTH - 190}"/>`
  const label = `<text class="faint" x="${(left + WIDTH - 190) / 2}" y="${bottom + 40}" text-anchor="middle">${escaped(across)}</text>`
  const drawn = series.map((line, index) => lineAt(line, index, x, y))
  return svg(height, title, unit, [axes, ...ticks, ...under, label, ...drawn])
}

const MARKS = 12

/** Not more numbers under the axis than fit. */
function thinned(marks: readonly number[]): number[] {
  const every = Math.ceil(marks.length / MARKS)
  return marks.filter((_, index) => index % every === 0)
}

function lineAt(
  { name, points }: Line,
  index: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const colour = COLOURS[index % COLOURS.length]
  const path = points.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${x(a)} ${y(b)}`).join('')
  const dots = points.map(
    ([a, b]) => `<circle cx="${x(a)}" cy="${y(b)}" r="2.5" fill="${colour}"/>`,
  )
  const legend = TOP + 14 + index * 20
  return [
    `<path fill="none" stroke="${colour}" stroke-width="2" d="${path}"/>`,
    ...(points.length <= 40 ? dots : []),
    `<rect x="${WIDTH - 175}" y="${legend - 9}" width="12" height="12" rx="2" fill="${colour}"/>`,
    `<text x="${WIDTH - 157}" y="${legend + 1}">${escaped(name)}</text>`,
  ].join('')
}

function svg(height: number, title: string, unit: string, content: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    STYLE,
    `<text class="title" x="8" y="20">${escaped(title)}</text>`,
    `<text class="faint" x="8" y="36">${escaped(unit)}</text>`,
    ...content,
    '</svg>\n',
  ].join('\n')
}

const at = (value: number) => Math.round(value * 10) / 10

function short(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-GB', { maximumFractionDigits: digits })
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
