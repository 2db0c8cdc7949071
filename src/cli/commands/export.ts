// `portcullis export`: what was added to a gateway while it runs, as a configuration file or as JSON; secrets are masked, and it says so.

import { suggest } from '../../base/suggest.ts'
import type { Kind } from '../../identity/rights.ts'
import type { Client } from '../api/client.ts'
import { connect } from '../api/connect.ts'
import { type Entity, KINDS } from '../api/entity.ts'
import { type ApiOptions, repeated, withApi } from '../api/options.ts'
import { isRefusal } from '../api/refusal.ts'
import { shown } from '../api/told.ts'
import type { AddCommand, Invocation } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import { plain } from '../plain.ts'
import type { Exported } from '../transfer/document.ts'

interface ExportOptions extends ApiOptions {
  readonly kind?: readonly string[]
}

export const addExport: AddCommand = (program, run) => {
  const command = program
    .command('export')
    .description(
      'write what was added to a running gateway as a configuration file, or with --json as entities',
    )
    .option('--kind <kind>', 'only this kind, such as server; repeatable', repeated)
    .action(run(exportEntities))
  withApi(command)
}

async function exportEntities({
  shell,
  output,
  options,
}: Invocation<ExportOptions>): Promise<Exit> {
  const kinds = options.kind?.map(kindOf)
  const { formatOwn } = await import('../../config/import/own.ts')
  const { documentOf } = await import('../transfer/document.ts')
  const client = await connect(options, shell, output)
  const all = KINDS.filter((kind) => kind !== 'change')
  const { entities, hidden } = await gather(client, kinds ?? all, kinds !== undefined)
  const exported = documentOf(entities)
  output.document(formatOwn(exported.document, commentOf(client.url, exported, hidden)), () => ({
    items: entities.map(shown),
    masked: exported.masked.length > 0,
    hidden,
  }))
  if (exported.masked.length > 0)
    output.warn('secrets are masked: give them anew where [redacted] stands')
  if (hidden.length > 0) output.warn(`you may not see these kinds: ${hidden.join(', ')}`)
  return EXIT.ok
}

function kindOf(text: string): Kind {
  const found = KINDS.find((kind) => kind === text)
  if (found !== undefined) return found
  const near = suggest(text, KINDS)
  const meant = near === undefined ? KINDS.join(', ') : `did you mean ${near}?`
  throw new UsageError(`--kind: there is no kind ${text.slice(0, 40)} (${meant})`)
}

/** Dynamic ones only: what is declared stands in the configuration already. */
async function gather(
  client: Client,
  kinds: readonly Kind[],
  named: boolean,
): Promise<{ readonly entities: readonly Entity[]; readonly hidden: readonly Kind[] }> {
  const entities: Entity[] = []
  const hidden: Kind[] = []
  for (const kind of kinds)
    try {
      const { items } = await client.list(kind)
      entities.push(...items.filter(({ source }) => source === 'dynamic'))
    } catch (error) {
      // who asked for this very kind is told that he may not
      if (named || !isRefusal(error, 'AUTH_DENIED')) throw error
      hidden.push(kind)
    }
  return { entities, hidden }
}

function commentOf(
  url: string,
  { masked, leftOut }: Exported,
  hidden: readonly Kind[],
): readonly string[] {
  const listed = (head: string, items: readonly string[]) =>
    items.length === 0 ? [] : [head, ...items.map((item) => `  ${plain(item)}`)]
  return [
    `What was added to the gateway at ${url} while it ran. What its configuration declares is not here.`,
    ...listed('Secrets are masked; give them anew, such as ${env:NAME}, at', masked),
    ...listed('Not here:', leftOut),
    ...listed('Not here, because whoever exported may not see them:', hidden),
  ]
}
