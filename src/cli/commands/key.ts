// `portcullis key`: API keys of a running gateway; a new one is printed once, and by this command alone.

import type { Command } from 'commander'
import { parseDuration } from '../../base/quantity.ts'
import { connect } from '../api/connect.ts'
import type { Entity } from '../api/entity.ts'
import { type ApiOptions, repeated, type WriteOptions, withApi, withWrite } from '../api/options.ts'
import { cell, details, shown, table, tellWritten, warnOfMore } from '../api/told.ts'
import type { AddCommand, Invocation, RunCommand } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import { plain } from '../plain.ts'

interface ListOptions extends ApiOptions {
  readonly principal?: string
  readonly tenant?: string
}

interface CreateOptions extends WriteOptions {
  readonly id?: string
  readonly kind?: string
  readonly role?: readonly string[]
  readonly scope?: readonly string[]
  readonly expires?: string
  readonly tenant?: string
}

export const addKey: AddCommand = (program, run) => {
  const key = program
    .command('key')
    .description('see, make and revoke API keys of a running gateway')
  const list = key
    .command('list')
    .description('keys, whose they are and until when; the keys themselves are shown nowhere')
    .option('--principal <id>', 'only those of this principal')
    .option('--tenant <name>', 'only those of this tenant')
    .action(run(listKeys))
  withApi(list)
  withApi(
    key
      .command('show <id>')
      .description('everything about one key but the key')
      .action(run(showKey)),
  )
  addCreate(key.command('create <principal>'), run)
  const revoke = key
    .command('revoke <id>')
    .description('have a key refused from the next request on; it stays in the list')
    .action(run(revokeKey))
  withWrite(revoke)
}

function addCreate(create: Command, run: RunCommand): void {
  create
    .description('make a key for a principal; it is shown once, now')
    .option('--id <id>', 'name of the key, 3 to 32 of a-z, 0-9 and -; else it is made')
    .option('--kind <kind>', 'user or service; service unless said otherwise')
    .option('--role <name>', 'role of whoever shows the key; repeatable', repeated)
    .option('--scope <right>', 'only this right of those that the roles give; repeatable', repeated)
    .option('--expires <time>', 'a date such as 2027-01-31, or from now on such as 90d')
    .option('--tenant <name>', 'whose it is')
    .action(run(createKey))
  withWrite(create)
}

async function listKeys({ shell, output, options }: Invocation<ListOptions>): Promise<Exit> {
  const { principal, tenant } = options
  const client = await connect(options, shell, output)
  const page = await client.list('key', { principal, tenant })
  output.result({ items: page.items.map(shown), more: page.more }, () =>
    table(
      output.style,
      ['ID', 'PRINCIPAL', 'ROLES', 'STATE', 'SOURCE', 'EXPIRES'],
      page.items.map((key) => [
        key.id,
        cell(key.body.principal),
        cell(key.body.roles),
        stateOf(key),
        key.source,
        cell(key.body.expires ?? 'never'),
      ]),
      'no keys',
    ),
  )
  warnOfMore(output, page)
  return EXIT.ok
}

function stateOf({ body: { revoked, expires } }: Entity): string {
  if (revoked === true) return 'revoked'
  return typeof expires === 'string' && Date.parse(expires) <= Date.now() ? 'expired' : 'valid'
}

async function showKey(
  { shell, output, options }: Invocation<ApiOptions>,
  id: string,
): Promise<Exit> {
  const client = await connect(options, shell, output)
  const { entity } = await client.see('key', id)
  output.result(shown(entity), () => {
    const { id: name, tenant, source, body } = entity
    const { id: _, tenant: __, ...rest } = body
    const rows = [['key', name], ['state', stateOf(entity)], ...Object.entries(rest)] as const
    return details(output.style, [...rows, ['tenant', tenant], ['source', source]] as never)
  })
  return EXIT.ok
}

async function createKey(
  { shell, output, options }: Invocation<CreateOptions>,
  principal: string,
): Promise<Exit> {
  const { id, kind, role, scope, expires, tenant, dryRun } = options
  const body = {
    principal,
    ...(kind === undefined ? {} : { kind }),
    ...(role === undefined ? {} : { roles: role }),
    ...(scope === undefined ? {} : { scopes: scope }),
    ...(expires === undefined ? {} : { expires: endOf(expires) }),
  }
  const client = await connect(options, shell, output)
  const { outcome, entity } = await client.create('key', { id, tenant, body }, { dryRun })
  const key = entity?.once?.key
  const made = entity?.id ?? ''
  if (outcome !== 'written' || typeof key !== 'string' || entity === undefined) {
    const deed = { did: `made the key ${made}`, would: `make a key for ${principal}` }
    tellWritten(output, deed, { outcome, ...(entity ? { entity } : {}) })
    return EXIT.ok
  }
  const once = 'shown only once: keep it now, the gateway itself has only a digest of it'
  output.result({ outcome, ...shown(entity), once: { key }, note: once }, () =>
    [output.style.good(plain(`made the key ${made} for ${principal}`)), plain(key), once, ''].join(
      '\n',
    ),
  )
  return EXIT.ok
}

/** As the API takes it: a date, or a time in UTC to the second. Throws UsageError. */
function endOf(text: string): string {
  const milliseconds = parseDuration(text)
  if (milliseconds === undefined) {
    if (/^\d{4}-\d{2}-\d{2}(T[\d:]+Z)?$/.test(text) && !Number.isNaN(Date.parse(text))) return text
    throw new UsageError(
      `--expires: ${text.slice(0, 40)} is no date such as 2027-01-31 and no time such as 90d`,
    )
  }
  const end = new Date(Date.now() + milliseconds)
  if (Number.isNaN(end.getTime())) throw new UsageError('--expires: that is too far away')
  return `${end.toISOString().slice(0, 19)}Z`
}

async function revokeKey(
  { shell, output, options }: Invocation<WriteOptions>,
  id: string,
): Promise<Exit> {
  const client = await connect(options, shell, output)
  const seen = await client.see('key', id)
  const written = await client.merge(seen, { revoked: true }, { dryRun: options.dryRun })
  tellWritten(output, { did: `revoked the key ${id}`, would: `revoke the key ${id}` }, written)
  return EXIT.ok
}
