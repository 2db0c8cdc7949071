// A kept row and what it is read as, the same from either database: a record for who asks, evidence for who verifies.
import type { Evidence } from '../../audit/verify.ts'
import type { Head } from '../../base/chain.ts'
import type { JsonObject } from '../../base/json.ts'
import {
  COLUMNS,
  digestOfPasses,
  type KeptPass,
  KIND,
  numbersOf,
  type Row,
  recordOf,
  restOfRow,
  textOfRow,
} from './columns.ts'

export interface Kept {
  readonly id: number
  readonly record: JsonObject
}

/** What a row is read with, as an array in this order. */
export const ROW = `SELECT r.id, r.run, u.run, r.n, r.hash, ${COLUMNS.map(([name]) => `r.${name}`).join(', ')}
  FROM audit_records r JOIN audit_runs u ON u.id = r.run`
/** Columns of ROW before those of the record. */
const OWN = 5

export interface KeptRow {
  readonly id: number
  /** Row of audit_runs. */
  readonly run: number
  readonly head: Head
  readonly values: Row
}

export function keptRow(row: Row): KeptRow {
  const [id, run, chain, n, hash] = row
  return {
    id: Number(id),
    run: Number(run),
    head: { chain: String(chain), n: Number(n), hash: String(hash) },
    values: row.slice(OWN),
  }
}

/** Numbers of those who passed, a key for them among all runs, or undefined where nobody is named by number. */
export function passesNamedBy({
  run,
  values,
}: KeptRow): { readonly numbers: readonly number[]; readonly key: string } | undefined {
  const numbers = numbersOf(values)
  return numbers && { numbers, key: `${run} ${numbers.join()}` }
}

export function keptRecord({ id, head, values }: KeptRow, passes?: readonly KeptPass[]): Kept {
  return { id, record: { ...recordOf(values, passes), ...head } as JsonObject }
}

const OWN_KINDS: ReadonlySet<string> = new Set(['chain', 'checkpoint', 'pruned'])

/** `begun`: what audit_runs says of each chain's process, by `begunOf`. */
export function evidenceOf(
  { id, head, values }: KeptRow,
  passes: readonly KeptPass[] | undefined,
  begun: ReadonlyMap<string, string>,
): Evidence {
  const kind = String(values[KIND])
  const details = OWN_KINDS.has(kind) ? detailsOf(values) : undefined
  const text = textOfRow(head, values, passes ? digestOfPasses(passes) : '')
  // its row of audit_runs is not of the text; where they differ no digest may fit
  const body = kind === 'chain' && begun.get(head.chain) !== begunOf(details) ? `${text}!` : text
  return { at: `row ${id}`, head, kind, body, details }
}

export function begunOf(given: unknown): string {
  const { pid, started } = (given ?? {}) as { pid?: unknown; started?: unknown }
  return `${pid} ${started}`
}

// somebody may have put anything there; then its digest does not fit, which is what is to be found
function detailsOf(row: Row): unknown {
  try {
    return restOfRow(row).details
  } catch {
    return undefined
  }
}

/** What a row of passes that is gone stands for. */
export const NO_PASS: KeptPass = { point: '', entries: '[]' }

/** Runs that have records left, but for those whose records were all removed because they were old. */
export const REACHED = `SELECT id, run AS chain, n, hash FROM audit_runs
  WHERE n > 0 AND last_id >= (SELECT coalesce(min(id), 0) FROM audit_records) ORDER BY id`

export function reachedOf(row: Readonly<Record<string, unknown>>): Evidence {
  const { id, chain, n, hash } = row
  const reached = { chain: String(chain), n: Number(n), hash: String(hash) }
  return { at: `row ${id} of audit_runs`, reached }
}
