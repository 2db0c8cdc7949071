// `portcullis audit search`, and `export` without a place: the audit as a running gateway has it, asked through its admin API.
import { isObject } from '../../base/json.ts'
import type { Query } from '../api/client.ts'
import { connect } from '../api/connect.ts'
import type { ApiOptions } from '../api/options.ts'
import { cell, table } from '../api/told.ts'
import type { Invocation } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'

export interface FilterOptions extends ApiOptions {
  readonly from?: string
  readonly to?: string
  readonly kind?: string
  readonly principal?: string
  readonly server?: string
  readonly target?: string
  readonly point?: string
  readonly entry?: string
  readonly code?: string
  readonly outcome?: string
  readonly requestId?: string
  /** Of records in a file or store. */
  readonly tenant?: string
  readonly limit?: number
}

/** Names of options and of parameters are the same but for the times. */
const FILTERS = [
  'kind',
  'principal',
  'server',
  'target',
  'point',
  'entry',
  'code',
  'outcome',
  'requestId',
] as const

const USUAL = 50
const MOST_SEARCHED = 2000
/** What the API exports at once. */
const MOST_EXPORTED = 100_000

export function limitOf(text: string): number {
  const limit = Number(text)
  if (/^\d{1,7}$/.test(text) && limit >= 1 && limit <= MOST_EXPORTED) return limit
  throw new UsageError(`--limit is a number from 1 to ${MOST_EXPORTED}`)
}

export async function searchAudit({
  shell,
  output,
  options,
}: Invocation<FilterOptions>): Promise<Exit> {
  const { limit = USUAL } = options
  if (limit > MOST_SEARCHED)
    throw new UsageError(
      `--limit: ${MOST_SEARCHED} at most; portcullis audit export has no such limit`,
    )
  const query = queryOf(options)
  const client = await connect(options, shell, output)
  const { items, more } = await client.pages('/audit', query, limit)
  const records = items.filter(isObject)
  output.result({ items: records, more }, () =>
    table(
      output.style,
      ['TIME', 'KIND', 'WHO', 'WHAT', 'RESULT'],
      records.map(rowOf),
      'no such records',
    ),
  )
  if (more) output.note(`there are older ones; --limit, --from and --to say which are shown`)
  return EXIT.ok
}

function rowOf(record: Record<string, unknown>): readonly string[] {
  const { time, kind, principal, server, method, point, target, outcome, code, reason, entry } =
    record
  const who = isObject(principal) ? principal.id : principal
  const result = [outcome, code, entry, reason].map(cell).filter((text) => text !== '')
  const what = [point ?? method, server, target].map(cell).filter((text) => text !== '')
  return [cell(time), cell(kind), cell(who), what.join(' '), result.join(' ')]
}

/** One record a line to standard output. Ends with 1 where there are more than came. */
export async function exportAudit({
  shell,
  output,
  options,
}: Invocation<FilterOptions>): Promise<Exit> {
  const { limit = MOST_EXPORTED, tenant } = options
  if (tenant !== undefined)
    throw new UsageError(
      '--tenant goes with --file or --store: a gateway shows whoever asks what is of his tenant',
    )
  const query = { ...queryOf(options), limit }
  const client = await connect(options, shell, output)
  let count = 0
  for await (const line of client.lines('/audit/export', query)) {
    if (line === '{"truncated":true}') {
      output.warn(`there are more than these ${count} records; go on with --from, or end with --to`)
      return EXIT.fault
    }
    count++
    shell.stdout.write(`${line}\n`)
  }
  return EXIT.ok
}

function queryOf(options: FilterOptions): Query {
  const { from, to } = options
  return {
    since: timeOf('--from', from),
    until: timeOf('--to', to),
    ...Object.fromEntries(FILTERS.map((name) => [name, options[name]])),
  }
}

function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new UsageError(`${option}: ${text.slice(0, 40)} is no time, such as 2026-11-28T00:00:00Z`)
  return new Date(time).toISOString()
}
