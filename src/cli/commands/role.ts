// `portcullis role`: what roles there are in a running gateway, and who has them by grants.
import { isObject } from '../../base/json.ts'
import type { Client, Written } from '../api/client.ts'
import { connect } from '../api/connect.ts'
import type { Entity } from '../api/entity.ts'
import { give, grantsOf, naming, take, texts } from '../api/grants.ts'
import { type ApiOptions, type WriteOptions, withApi, withWrite } from '../api/options.ts'
import { ApiRefusal, isRefusal } from '../api/refusal.ts'
import { cell, details, shown, table, tellWritten, warnOfMore } from '../api/told.ts'
import type { AddCommand, Invocation } from '../command.ts'
import { EXIT, type Exit } from '../exit.ts'

interface GrantOptions extends WriteOptions {
  readonly tenant?: string
}

export const addRole: AddCommand = (program, run) => {
  const role = program
    .command('role')
    .description('see roles of a running gateway, give them to principals and take them away')
  withApi(role.command('list').description('built-in roles and your own').action(run(listRoles)))
  const show = role
    .command('show <role>')
    .description('what a role may do, and who has it by a grant')
    .action(run(showRole))
  withApi(show)
  const grant = role
    .command('grant <role> <principal>')
    .description('give a role to a principal, named as it is in the audit')
    .option('--tenant <name>', 'whose grant it is')
    .action(run(grantRole))
  withWrite(grant)
  const revoke = role
    .command('revoke <role> <principal>')
    .description('take a role from a principal in every grant that names it')
    .action(run(revokeRole))
  withWrite(revoke)
}

interface Right {
  readonly name: string
  readonly about: string
  readonly roles: readonly string[]
}

/** Rights of the built-in roles. */
async function builtIn(client: Client): Promise<ReadonlyMap<string, readonly Right[]>> {
  const body = await client.get('/rights')
  const items: readonly unknown[] = isObject(body) && Array.isArray(body.items) ? body.items : []
  const roles = new Map<string, Right[]>()
  for (const item of items) {
    if (!isObject(item)) continue
    const right = { name: cell(item.name), about: cell(item.about), roles: texts(item.roles) }
    for (const role of right.roles) roles.set(role, [...(roles.get(role) ?? []), right])
  }
  return roles
}

async function listRoles({ shell, output, options }: Invocation<ApiOptions>): Promise<Exit> {
  const client = await connect(options, shell, output)
  const [known, page] = [await builtIn(client), await client.list('role')]
  // one of its name says what a built-in one may do instead
  const own = new Set(page.items.map(({ id }) => id))
  const rights = [...known].filter(([name]) => !own.has(name))
  const items = [
    ...rights.map(([id, { length }]) => ({ id, source: 'built-in', rights: length })),
    ...page.items.map(shown),
  ]
  output.result({ items, more: page.more }, () =>
    table(
      output.style,
      ['ROLE', 'SOURCE', 'MAY', 'MAY NOT'],
      [
        ...rights.map(([id, { length }]) => [id, 'built-in', `${length} rights`, '']),
        ...page.items.map(({ id, source, body }) => [
          id,
          source,
          [...actions(body.allow), ...texts(body.inherits).map((name) => `as ${name}`)].join(' '),
          actions(body.deny).join(' '),
        ]),
      ],
      'no roles',
    ),
  )
  warnOfMore(output, page)
  return EXIT.ok
}

function actions(rules: unknown): readonly string[] {
  return Array.isArray(rules)
    ? rules.flatMap((rule) => texts(isObject(rule) ? rule.actions : []))
    : []
}

async function showRole(
  { shell, output, options }: Invocation<ApiOptions>,
  name: string,
): Promise<Exit> {
  const client = await connect(options, shell, output)
  const role = await ownRole(client, name)
  const rights = role ? undefined : (await builtIn(client)).get(name)
  if (role === undefined && rights === undefined) await client.see('role', name)
  const grants = await holders(client, name)
  const about = role
    ? shown(role)
    : { id: name, source: 'built-in', rights: rights?.map((right) => right.name) }
  output.result({ ...about, grants: grants?.map(shown) ?? null }, () => {
    const { style } = output
    const head = details(style, [
      ['role', name],
      ['source', role?.source ?? 'built-in'],
      ...(role ? Object.entries(role.body) : []),
    ])
    const may = rights
      ? `\n${table(
          style,
          ['RIGHT', 'TO'],
          rights.map((right) => [right.name, right.about]),
          '',
        )}`
      : ''
    const who = grants
      ? table(style, ['GRANT', 'PRINCIPALS', 'CLAIMS'], grants.map(rowOf), 'no grant gives it')
      : `${style.faint('who has it you may not see')}\n`
    return `${head}${may}\n${who}`
  })
  return EXIT.ok
}

function rowOf({ id, body }: Entity): readonly string[] {
  return [id, cell(body.principals), cell(body.claims)]
}

async function ownRole(client: Client, name: string): Promise<Entity | undefined> {
  try {
    return (await client.see('role', name)).entity
  } catch (error) {
    if (isRefusal(error, 'REGISTRY_NOT_FOUND')) return undefined
    throw error
  }
}

/** Undefined: whoever asks may not see grants. */
async function holders(client: Client, role: string): Promise<readonly Entity[] | undefined> {
  try {
    return await grantsOf(client, role)
  } catch (error) {
    if (isRefusal(error, 'AUTH_DENIED')) return undefined
    throw error
  }
}

async function grantRole(
  { shell, output, options }: Invocation<GrantOptions>,
  role: string,
  principal: string,
): Promise<Exit> {
  const { tenant, dryRun } = options
  const client = await connect(options, shell, output)
  const written = await give(client, { role, principal, dryRun }, tenant)
  const deed = { did: `gave ${role} to ${principal}`, would: `give ${role} to ${principal}` }
  if (written) tellWritten(output, deed, written)
  else output.result({ outcome: 'unchanged' }, () => `${principal} has ${role} already\n`)
  return EXIT.ok
}

async function revokeRole(
  { shell, output, options }: Invocation<WriteOptions>,
  role: string,
  principal: string,
): Promise<Exit> {
  const { dryRun } = options
  const client = await connect(options, shell, output)
  const grants = naming(await grantsOf(client, role), principal)
  if (grants.length === 0) throw hasNone(role, principal)
  const done: Written[] = []
  // one that cannot be changed is found out first: nothing has been taken then
  for (const grant of grants) await take(client, grant, { role, principal, dryRun: true })
  if (!dryRun) for (const grant of grants) done.push(await take(client, grant, { role, principal }))
  const waiting = done.find(({ outcome }) => outcome === 'pending')
  const last = waiting ?? done.at(-1) ?? ({ outcome: 'dry_run' } as const)
  const deed = { did: `took ${role} from ${principal}`, would: `take ${role} from ${principal}` }
  tellWritten(output, deed, last)
  return EXIT.ok
}

function hasNone(role: string, principal: string): ApiRefusal {
  return new ApiRefusal({
    status: 404,
    code: 'REGISTRY_NOT_FOUND',
    detail: `no grant that names ${principal} gives ${role}`,
    next: `roles also come with keys, with tokens and by patterns: see portcullis role show ${role} and portcullis key list`,
    errors: [],
  })
}
