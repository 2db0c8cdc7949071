// The columns of audit records in a database: what of a record goes into which, the way back, and the text that its digest covers.
import type { AuditRecord } from '../../audit/record.ts'
import { digestOf } from '../../base/chain.ts'
import { isObject, type JsonObject } from '../../base/json.ts'

export type Value = string | number | null
export type Row = readonly Value[]

/** In the order of `rowOf`. What somebody asks for has a column; the rest of the record is JSON. */
export const COLUMNS = [
  ['time', 'INTEGER NOT NULL'],
  ['seq', 'INTEGER NOT NULL'],
  ['kind', 'TEXT NOT NULL'],
  ['request_id', 'TEXT'],
  ['principal', 'TEXT'],
  ['server', 'TEXT'],
  ['method', 'TEXT'],
  ['target', 'TEXT'],
  ['point', 'TEXT'],
  ['entry', 'TEXT'],
  ['plugin', 'TEXT'],
  ['verdict', 'TEXT'],
  ['effective', 'INTEGER'],
  ['code', 'TEXT'],
  ['outcome', 'TEXT'],
  ['duration_ms', 'REAL'],
  ['passes', 'TEXT'],
  ['rest', 'TEXT NOT NULL'],
] as const

/** Where they are in a row. */
export const SEQ = 1
export const KIND = 2
const PASSES = 16

/** `passes`: the numbers of those who passed, as JSON. */
export function rowOf(record: AuditRecord, passes: string | undefined): Row {
  const { principal, effective } = record
  return [
    record.time,
    record.seq,
    record.kind,
    text(record.requestId),
    text(principal?.id),
    text(record.server),
    text(record.method),
    text(record.target),
    text(record.point),
    text(record.entry),
    text(record.plugin),
    text(record.verdict),
    effective === undefined ? null : Number(effective),
    text(record.code),
    text(record.outcome),
    record.durationMs ?? null,
    passes ?? null,
    restOf(record, passes === undefined),
  ]
}

function restOf(record: AuditRecord, withPasses: boolean): string {
  const { principal } = record
  return JSON.stringify({
    traceId: record.traceId,
    generation: record.generation,
    principal: principal && { kind: principal.kind, tenant: principal.tenant },
    client: record.client,
    surface: record.surface,
    virtualServer: record.virtualServer,
    era: record.era,
    mode: record.mode,
    reason: record.reason,
    description: record.description,
    details: record.details,
    changed: record.changed,
    passes: withPasses ? record.passes : undefined,
    action: record.action,
    entity: record.entity,
    allowed: record.allowed,
    digest: record.digest,
    policy: record.policy,
    arguments: record.arguments,
  })
}

// a plugin may hand over anything as its code; one value that cannot be bound would hold up all records behind it
function text(value: unknown): string | null {
  if (typeof value === 'string') return value
  return value === undefined ? null : (JSON.stringify(value) ?? null)
}

/** Who passed at one point, as it is kept. */
export interface KeptPass {
  readonly point: string
  /** A JSON array of names. */
  readonly entries: string
}

/** What a row says of the record that it is not of the record itself. */
export interface Place {
  readonly chain: string
  readonly n: number
}

/**
 * What the digest of a row covers: its place and every value, each with its type and length, so that no two rows have the same text, and
 * a digest of who passed. Values are as the database gives them back: NaN is null there.
 */
export function textOfRow({ chain, n }: Place, row: Row, passes: string): string {
  let text = `${valueText(chain)}${valueText(n)}`
  for (const value of row) text += valueText(value)
  return text + passes
}

/** Of all whom `passes` of a row names. */
export function digestOfPasses(passes: readonly KeptPass[]): string {
  return digestOf(
    passes.map(({ point, entries }) => valueText(point) + valueText(entries)).join(''),
  )
}

function valueText(value: Value): string {
  if (typeof value === 'string') return `s${value.length}:${value}`
  return value === null || Number.isNaN(value) ? 'n' : `d${value};`
}

/** The numbers in the column `passes`. */
export function numbersOf(row: Row): readonly number[] | undefined {
  const text = row[PASSES]
  return typeof text === 'string' ? (JSON.parse(text) as number[]) : undefined
}

export function passesOf(row: Row): Value {
  return row[PASSES] ?? null
}

const NAMES = {
  kind: 'kind',
  request_id: 'requestId',
  server: 'server',
  method: 'method',
  target: 'target',
  point: 'point',
  entry: 'entry',
  plugin: 'plugin',
  verdict: 'verdict',
  code: 'code',
  outcome: 'outcome',
  duration_ms: 'durationMs',
} as const

/** The record as it would stand in a file. */
export function recordOf(row: Row, passes: readonly KeptPass[] | undefined): JsonObject {
  const record: Record<string, unknown> = {}
  const { principal: more, ...rest } = restOfRow(row)
  COLUMNS.forEach(([column], index) => {
    const value = row[index]
    if (value === null || value === undefined) return
    if (column === 'time') record.time = new Date(Number(value)).toISOString()
    else if (column === 'seq') record.seq = value
    else if (column === 'principal')
      record.principal = { id: value, ...(isObject(more) ? more : {}) }
    else if (column === 'effective') record.effective = value === 1
    else if (column in NAMES) record[NAMES[column as keyof typeof NAMES]] = value
  })
  if (passes)
    record.passes = passes.map(({ point, entries }) => ({ point, entries: JSON.parse(entries) }))
  return Object.assign(record, rest) as JsonObject
}

/** What has no column of its own. */
export function restOfRow(row: Row): Readonly<Record<string, unknown>> {
  return JSON.parse(String(row[COLUMNS.length - 1])) as Readonly<Record<string, unknown>>
}
