// `portcullis import --to-gateway`: a file of ours or of another program, created entity by entity in a running gateway.
import { redactText } from '../../base/log.ts'
import { formatImported, importConfig } from '../../config/import/import.ts'
import { isOwn, readOwn } from '../../config/import/own.ts'
import { connect } from '../api/connect.ts'
import type { WriteOptions } from '../api/options.ts'
import { cell, table } from '../api/told.ts'
import type { Invocation } from '../command.ts'
import { EXIT, type Exit } from '../exit.ts'
import type { Output } from '../output.ts'
import { refusalValue } from '../output.ts'
import type { Shell } from '../shell.ts'
import { apply, type Fate } from './apply.ts'
import { entitiesOf } from './document.ts'

interface Source {
  readonly filename: string
  readonly text: string
}

/** Ends with 1 unless all of it was created, or in a dry run would be. */
export async function importToGateway(
  { shell, output, options }: Invocation<WriteOptions>,
  source: Source,
): Promise<Exit> {
  const document = await documentIn(source, shell, output)
  const { wanted, leftOut } = entitiesOf(document)
  for (const place of leftOut) output.warn(`left out ${place}`)
  const client = await connect(options, shell, output)
  const { fates, fault } = await apply(client, wanted, { dryRun: options.dryRun })
  const items = fates.map(({ refusal, ...fate }) => ({
    ...fate,
    ...(refusal ? { error: refusalValue(refusal) } : {}),
  }))
  output.result({ items, left_out: leftOut }, () =>
    table(
      output.style,
      ['WHAT', 'OUTCOME', 'WHY'],
      fates.map((fate) => [`${fate.kind} ${fate.id}`, WORDS[fate.outcome], whyOf(fate)]),
      'nothing in it is an entity',
    ),
  )
  if (fault !== undefined) {
    const rest = wanted.length - fates.length
    output.warn(`${rest} of ${wanted.length} have not had their turn`)
    throw fault
  }
  return fates.every(({ outcome }) => DONE.has(outcome)) ? EXIT.ok : EXIT.fault
}

const WORDS: Readonly<Record<Fate['outcome'], string>> = {
  written: 'added',
  dry_run: 'would be added',
  pending: 'waits for approval',
  exists: 'is there already',
  vetoed: 'refused by a policy',
  refused: 'refused',
}
const DONE: ReadonlySet<Fate['outcome']> = new Set(['written', 'dry_run', 'pending'])

function whyOf({ outcome, refusal }: Fate): string {
  if (refusal === undefined || outcome === 'exists') return ''
  const { violation, code } = refusal.refusal
  if (violation) return `${violation.reason} (${violation.code})`
  return `${redactText(refusal.message)} (${cell(code)})`
}

async function documentIn({ filename, text }: Source, { env }: Shell, output: Output) {
  if (isOwn(text, filename)) return readOwn(text, { filename, env })
  const imported = importConfig(text, { filename, env })
  for (const warning of imported.warnings) output.finding(warning)
  return readOwn(formatImported(imported), { filename, env, made: true })
}
