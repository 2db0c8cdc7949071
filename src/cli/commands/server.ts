// `portcullis server`: the MCP servers behind a running gateway, seen and changed through its admin API.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Client } from '../api/client.ts'
import { connect } from '../api/connect.ts'
import type { Entity } from '../api/entity.ts'
import { type ApiOptions, repeated, type WriteOptions, withApi, withWrite } from '../api/options.ts'
import { isRefusal } from '../api/refusal.ts'
import { cell, details, shown, table, tellWritten, warnOfMore } from '../api/told.ts'
import type { AddCommand, Invocation } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import { headersOf, variablesOf } from '../headers.ts'
import type { Shell } from '../shell.ts'

interface ListOptions extends ApiOptions {
  readonly environment?: string
  readonly tag?: string
  readonly tenant?: string
}

interface AddOptions extends WriteOptions {
  readonly command?: string
  readonly env?: readonly string[]
  readonly cwd?: string
  readonly url?: string
  readonly transport?: string
  readonly header?: readonly string[]
  readonly tag?: readonly string[]
  readonly environment?: string
  readonly tenant?: string
  readonly attestation?: string
  readonly spiffeId?: string
}

export const addServer: AddCommand = (program, run) => {
  const server = program
    .command('server')
    .description('see and change the servers of a running gateway')
  const list = server
    .command('list')
    .description('servers, how they are and where they come from')
    .option('--environment <name>', 'only those of this environment')
    .option('--tag <word>', 'only those with this tag')
    .option('--tenant <name>', 'only those of this tenant')
    .action(run(listServers))
  withApi(list)
  const show = server
    .command('show <name>')
    .description('everything about one server; secrets are hidden')
    .action(run(showServer))
  withApi(show)
  addAdd(server.command('add <name>'), run)
  const attest = server
    .command('attest <name>')
    .description('have a server attested now, and see how that ended')
    .option('--accept-new-hardware', 'it may be on other hardware than before, this once')
    .action(run(attestServer))
  withApi(attest)
  const remove = server
    .command('remove <name>')
    .description('take a server out; one that the configuration declares is taken out there')
    .action(run(removeServer))
  withWrite(remove)
}

function addAdd(add: Parameters<AddCommand>[0], run: Parameters<AddCommand>[1]): void {
  add
    .description('put a server behind the gateway')
    .option('--command <line>', 'the program and its arguments, such as "npx -y some-server"')
    .option(
      '--env <name=value>',
      'variable of the program; NAME alone takes it over from here; repeatable',
      repeated,
    )
    .option('--cwd <folder>', 'folder the program runs in, on the machine of the gateway')
    .option('--url <url>', 'where the server is, if it is on the network')
    .option('--transport <name>', 'streamable-http, sse or websocket; else it is found out')
    .option('--header <name=value>', 'sent to the url; keys as ${env:NAME}; repeatable', repeated)
    .option('--tag <word>', 'word that policies can refer to; repeatable', repeated)
    .option('--environment <name>', 'such as prod')
    .option('--tenant <name>', 'whose it is')
    .option('--attestation <policy>', 'id of the appraisal policy it must satisfy')
    .option('--spiffe-id <id>', 'who it is')
    .action(run(addOne))
  withWrite(add)
}

async function listServers({ shell, output, options }: Invocation<ListOptions>): Promise<Exit> {
  const { environment, tag: tags, tenant } = options
  const client = await connect(options, shell, output)
  const page = await client.list('server', { environment, tags, tenant })
  // most servers are well, and then nobody reads an empty column
  const told = page.items.some(({ status }) => status?.reason !== undefined)
  output.result({ items: page.items.map(shown), more: page.more }, () =>
    table(
      output.style,
      ['NAME', 'STATE', 'SOURCE', 'TAGS', 'WHERE', ...(told ? ['REASON'] : [])],
      page.items.map((server) => [
        server.id,
        listedState(server),
        server.source,
        cell(server.body.tags),
        whereOf(server),
        ...(told ? [cell(server.status?.reason)] : []),
      ]),
      'no servers',
    ),
  )
  warnOfMore(output, page)
  return EXIT.ok
}

/** Admission is told where it is neither the usual one nor the state itself. */
function listedState(server: Entity): string {
  const state = stateOf(server)
  const admission = server.status?.admission
  const isUsual = typeof admission !== 'string' || admission === 'admitted' || admission === state
  return isUsual ? state : `${state}, ${admission}`
}

function stateOf({ status = {} }: Entity): string {
  if (typeof status.state === 'string') return status.state
  return status.in_force === false ? 'not in force' : 'unknown'
}

function whereOf({ body }: Entity): string {
  return body.url === undefined ? cell([body.command, body.args ?? []]) : cell(body.url)
}

async function showServer(
  { shell, output, options }: Invocation<ApiOptions>,
  name: string,
): Promise<Exit> {
  const client = await connect(options, shell, output)
  const { entity } = await client.see('server', name)
  output.result(shown(entity), () => {
    const { id, source, tenant, version, status = {}, body } = entity
    const { name: _, command, args, url, tags, tenant: __, ...rest } = body
    return details(output.style, [
      ['name', id],
      ['where', whereOf(entity)],
      ['state', stateOf(entity)],
      ['reason', status.reason],
      ['admission', status.admission],
      ['eras', status.eras],
      ['restarts', status.restarts],
      ['tools', status.tools ?? 'not listed yet'],
      ['tags', tags],
      ['tenant', tenant],
      [
        'source',
        source === 'declared' ? 'declared in the configuration' : `${source}, version ${version}`,
      ],
      ...Object.entries(rest),
    ])
  })
  return EXIT.ok
}

interface AttestOptions extends ApiOptions {
  readonly acceptNewHardware?: boolean
}

async function attestServer(
  { shell, output, options }: Invocation<AttestOptions>,
  name: string,
): Promise<Exit> {
  const client = await connect(options, shell, output)
  const path = `/servers/${encodeURIComponent(name)}/attest`
  const asked = { accept_new_hardware: options.acceptNewHardware === true }
  const told = await client.act(path, asked)
  if (!isObject(told) || typeof told.admission !== 'string')
    throw new AppError('ADMIN_ANSWER', `${client.url}: the answer does not say how it ended`)
  output.result(told, () => {
    const { admission, reason, policy, result = {} } = told
    const { expires, level, matched } = result as Readonly<Record<string, unknown>>
    return details(output.style, [
      ['name', name],
      ['admission', admission],
      ['reason', reason],
      ['policy', policy],
      ['shown', level],
      ['until', typeof expires === 'number' ? new Date(expires).toISOString() : undefined],
      ['matched', matched],
    ])
  })
  return admits(told.admission) ? EXIT.ok : EXIT.fault
}

const admits = (admission: string): boolean => admission !== 'quarantined'

async function addOne(
  { shell, output, options }: Invocation<AddOptions>,
  name: string,
): Promise<Exit> {
  const body = { name, ...(await serverBody(options, shell)) }
  const { tenant, dryRun } = options
  const client = await connect(options, shell, output)
  const written = await client
    .create('server', { id: name, tenant, body }, { dryRun })
    .catch((error: unknown) => explained(error, client, name))
  tellWritten(output, { did: `added the server ${name}`, would: `add the server ${name}` }, written)
  return EXIT.ok
}

// which of the two places it is in decides what to do about it
async function explained(error: unknown, client: Client, name: string): Promise<never> {
  if (!isRefusal(error, 'REGISTRY_EXISTS')) throw error
  const there = await client.see('server', name).catch(() => undefined)
  if (there?.entity.source !== 'declared') throw error
  throw error.with({
    detail: `the server ${name} is declared in the configuration of the gateway`,
    next: 'change it there, or choose another name',
  })
}

async function serverBody(options: AddOptions, { env }: Shell): Promise<JsonObject> {
  const { command, url, transport, header, cwd, tag, environment, attestation, spiffeId } = options
  if ((command === undefined) === (url === undefined))
    throw new UsageError('say what the server is: --command "npx -y ..." or --url https://...')
  const common = {
    ...(tag === undefined ? {} : { tags: tag }),
    ...(environment === undefined ? {} : { environment }),
    ...(attestation === undefined ? {} : { attestation }),
    ...(spiffeId === undefined ? {} : { spiffe_id: spiffeId }),
  }
  if (command !== undefined) {
    if (transport !== undefined || header !== undefined)
      throw new UsageError('--transport and --header go with --url')
    const variables = options.env === undefined ? {} : { env: variablesOf(options.env, env) }
    return {
      ...(await programOf(command)),
      ...variables,
      ...(cwd === undefined ? {} : { cwd }),
      ...common,
    }
  }
  if (options.env !== undefined || cwd !== undefined)
    throw new UsageError('--env and --cwd go with --command')
  return {
    url: url as string,
    ...(transport === undefined ? {} : { transport }),
    // in a header's name there is neither
    ...(header === undefined
      ? {}
      : {
          headers: headersOf(
            header.map((text) => text.replace(/[:=]/, ':')),
            env,
          ),
        }),
    ...common,
  }
}

async function programOf(line: string): Promise<JsonObject> {
  const { splitCommand } = await import('../../config/import/command.ts')
  const split = splitCommand(line)
  if ('refused' in split) throw new UsageError(`--command: ${split.refused}`)
  if (line.includes('${'))
    throw new UsageError(
      '--command: nothing is put in for ${...} here; hand secrets over with --env',
    )
  const [command, ...args] = split.words
  return { command, ...(args.length > 0 ? { args } : {}) }
}

async function removeServer(
  { shell, output, options }: Invocation<WriteOptions>,
  name: string,
): Promise<Exit> {
  const client = await connect(options, shell, output)
  const seen = await client.see('server', name)
  const written = await client.remove(seen, { dryRun: options.dryRun })
  const deed = { did: `removed the server ${name}`, would: `remove the server ${name}` }
  tellWritten(output, deed, written)
  return EXIT.ok
}
