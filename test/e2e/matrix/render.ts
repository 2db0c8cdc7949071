// The coverage matrix as a Markdown document; pure, so that the generator can check that docs/coverage-matrix.md is current.
import type { Route } from '../../../src/admin/route.ts'
import type { PointName } from '../../../src/points/table.ts'
import { adminRows, VARIANTS, type Variant } from './admin-rules.ts'
import {
  type Cell,
  COUNTED,
  countOf,
  expected,
  SENTENCES,
  type SentenceId,
  SYSTEM_CELLS,
} from './expected.ts'
import { OPERATIONS, SYSTEM_EVENTS } from './operations.ts'
import { operationsOn, SURFACES, type Surface } from './surfaces.ts'

interface Row {
  readonly title: string
  readonly cell: Cell
}

/** The text of docs/coverage-matrix.md. */
export function coverageReference(): string {
  const groups = groupSurfaces()
  return [
    '# Coverage matrix',
    '',
    '<!-- generated from test/e2e/matrix; do not edit: npm run generate -->',
    '',
    'How often each wired point fires, for every operation on every surface. `test/e2e/matrix` carries out every cell against',
    'real servers and compares the counts, once for an entry of the chain and once for an observer: they must be equal, because',
    'observers see every dispatch whatever its outcome. A number is exact. A letter stands for zero and for the sentence of the',
    'contract behind it; a dot is zero because the operation is none of those the row of the point names.',
    '',
    ...legend(),
    ...groups.flatMap(([rows, surfaces]) => [
      `## ${heading(surfaces)}`,
      '',
      ...surfaces.map(({ title }) => `* ${title}`),
      '',
      ...table(rows),
      '',
    ]),
    '## The gateway itself',
    '',
    'Three entries are configured, all loaded at each start and reload. At start an entry judges those that load after it.',
    '',
    ...table(
      SYSTEM_EVENTS.map(({ id, title }) => ({
        title,
        cell: SYSTEM_CELLS[id] ?? { counts: {}, zero: {} },
      })),
    ),
    '',
    '## The admin API',
    '',
    'Every route of its table, on the admin address and mounted in Express, each way a request can end. The cells are made from the table',
    'of routes and the table of kinds by the rules of `test/e2e/matrix/admin-rules.ts`: a route more is a row more, and it is carried',
    'out. Routes whose cells are the same are one row. What comes of a write when it is put in force is counted with it: states of the',
    'server, and that all entries are loaded anew when one or a policy has changed; three are configured.',
    '',
    ...table(
      adminRows().map(({ variant, routes, cell }) => ({ title: named(variant, routes), cell })),
    ),
    '',
  ].join('\n')
}

function named(variant: Variant, routes: readonly Route[]): string {
  const byPath = Map.groupBy(routes, ({ path }) => path)
  const list = [...byPath].map(
    ([path, same]) => `${same.map(({ method }) => method).join(', ')} ${path}`,
  )
  return `${VARIANTS[variant]}: ${list.map((text) => `\`${text}\``).join(', ')}`
}

// surfaces whose columns are the same are shown once, all named
function groupSurfaces(): [readonly Row[], readonly Surface[]][] {
  const rowsOf = (surface: Surface) =>
    operationsOn(surface, OPERATIONS).map((operation) => ({
      title: operation.title,
      cell: expected(operation, surface),
    }))
  const groups = Map.groupBy(SURFACES, (surface) => JSON.stringify(rowsOf(surface)))
  return [...groups.values()].map((surfaces) => [rowsOf(surfaces[0] as Surface), surfaces])
}

function heading(surfaces: readonly Surface[]): string {
  const [{ era, mount, batch, door, reload } = NO_SURFACE] = surfaces
  if (door === 'sse') return 'HTTP+SSE'
  const batched = batch ? ', in a batch' : ''
  return `The ${era} era${HEADINGS[mount] ?? ''}${batched}${reload ? ', reload in between' : ''}`
}

const NO_SURFACE = { era: '', mount: '', batch: false, door: '', reload: false }

const HEADINGS: Readonly<Record<string, string>> = {
  parsed: ', behind express.json()',
  stdio: ', on stdin and stdout',
}

const LETTERS: ReadonlyMap<SentenceId, string> = new Map(
  (Object.keys(SENTENCES) as SentenceId[])
    .filter((id) => id !== 'row')
    .map((id, index) => [id, String.fromCharCode(97 + index)]),
)

function legend(): string[] {
  return [
    '| | why a point does not fire |',
    '|---|---|',
    ...[...LETTERS].map(([id, letter]) => `| ${letter} | ${SENTENCES[id]} |`),
    `| · | ${SENTENCES.row} |`,
    '',
  ]
}

function table(rows: readonly Row[]): string[] {
  const points = COUNTED.filter((point) =>
    rows.some(({ cell }) => countOf(cell, point) > 0 || cell.zero[point] !== undefined),
  )
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...points.map((point) => `\`${point}\``)]),
    line(['---', ...points.map(() => ':-:')]),
    ...rows.map(({ title, cell }) => line([title, ...points.map((point) => shown(cell, point))])),
    '',
    rest(points),
  ]
}

function rest(points: readonly PointName[]): string {
  const others = COUNTED.filter((point) => !points.includes(point))
  return `In all these rows 0: ${others.map((point) => `\`${point}\``).join(', ')}.`
}

function shown(cell: Cell, point: PointName): string {
  const count = countOf(cell, point)
  if (count > 0) return String(count)
  return LETTERS.get(cell.zero[point] ?? 'row') ?? '·'
}
