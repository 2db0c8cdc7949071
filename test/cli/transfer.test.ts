// `portcullis export` and `portcullis import --to-gateway` against the admin API of a gateway over HTTP.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { JsonObject } from '../../src/base/json.ts'
import { by, person } from '../registry/bench.ts'
import { type AdminWorld, createAdminWorld } from './admin-world.ts'
import { cli } from './shell.ts'

const OVERSEER = person('overseer', ['overseer'])

let world: AdminWorld
beforeEach(async () => {
  world = await createAdminWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const create = (kind: string, body: JsonObject, more: { id?: string; tenant?: string } = {}) =>
  world.bench.registry.write({ op: 'create', kind, body, ...more }, by(OVERSEER))
const ids = async (kind: string, of = world) =>
  (await of.bench.registry.list({ kind, limit: 99 }, OVERSEER)).items
    .filter(({ source }) => source === 'dynamic')
    .map(({ id }) => id)

async function fill(): Promise<void> {
  await create('server', {
    name: 'files',
    command: 'npx',
    args: ['-y', 'x', '${HOME}'],
    tags: ['a'],
  })
  await create('server', { name: 'team', url: 'https://t.example.com/mcp' }, { tenant: 'acme' })
  await create('virtual_server', { name: 'docs', path: '/mcp/docs', tools: ['files__*'] })
  // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
  await create('policy', { name: 'no', on: ['tool_pre_invoke'], then: 'deny', reason: 'no' })
  await create('role', { allow: [{ actions: ['mcp:*'] }] }, { id: 'reader' })
  await create('principal', { disabled: true }, { id: 'mallory' })
  await create('grant', { roles: ['reader'], principals: ['alice'] })
}

describe('export', () => {
  it('is a configuration file that is valid, without what is declared', async () => {
    await fill()
    const { exit, out, err } = await world.run(['export'], { tty: true })
    expect([exit, err]).toEqual([0, ''])
    expect(parse(out)).toEqual({
      version: 1,
      identity: {
        roles: { reader: { allow: [{ actions: ['mcp:*'] }] } },
        principals: [{ id: 'mallory', disabled: true }],
        grants: [{ roles: ['reader'], principals: ['alice'] }],
      },
      servers: [
        { name: 'files', command: 'npx', args: ['-y', 'x', '$${HOME}'], tags: ['a'] },
        { name: 'team', url: 'https://t.example.com/mcp', tenant: 'acme' },
      ],
      virtual_servers: [{ name: 'docs', path: '/mcp/docs', tools: ['files__*'] }],
      // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
      policies: [{ name: 'no', on: ['tool_pre_invoke'], then: 'deny', reason: 'no' }],
    })
    const gates = 'plugins: { enabled: true, allowed: [rules] }\n'
    const files = { 'portcullis.yaml': out + gates }
    expect((await cli(['validate'], { files })).json).toMatchObject({ valid: true, servers: 2 })
  })

  it('masks secrets and says so, and where', async () => {
    const headers = { 'X-Api-Key': 'hunter2hunter2' }
    await create('server', { name: 'search', url: 'https://s.example.com/mcp', headers })
    const { out, err } = await world.run(['export'])
    expect(out + err).not.toContain('hunter2')
    expect(out).toContain(
      '# Secrets are masked; give them anew, such as ${env:NAME}, at\n#   servers[0].headers.X-Api-Key\n',
    )
    expect(err).toBe('warning: secrets are masked: give them anew where [redacted] stands\n')
    const { json } = await world.run(['export', '--json'])
    expect(json).toMatchObject({
      masked: true,
      items: [{ body: { headers: { 'X-Api-Key': '[redacted]' } } }],
    })
  })

  it('says what a configuration file has no place for; JSON has it', async () => {
    await create('tool', { enabled: false }, { id: 'wiki/edit' })
    await create('key', { principal: 'ci' }, { id: 'bot' })
    await create('role', { allow: [] }, { id: 'local', tenant: 'acme' })
    const { out } = await world.run(['export'])
    expect(out).toContain('# Not here:\n#   role local: it belongs to the tenant acme\n')
    expect(out).toContain('#   key bot: a key is kept as a digest that is shown to nobody')
    expect(out).toContain('#   tool wiki/edit: it has no section\n')
    expect(parse(out)).toEqual({ version: 1 })
    const { json } = await world.run(['export', '--json'])
    expect(json.items.map(({ id }: { id: string }) => id)).toEqual(['local', 'bot', 'wiki/edit'])
    expect(JSON.stringify(json)).not.toContain('sha256')
  })

  it('is of the kinds that are named', async () => {
    await fill()
    const { out } = await world.run(['export', '--kind', 'role', '--kind', 'virtual_server'])
    expect(Object.keys(parse(out))).toEqual(['version', 'identity', 'virtual_servers'])
    const wrong = await world.run(['export', '--kind', 'servers'])
    expect(wrong.exit).toBe(2)
    expect(wrong.err).toContain('there is no kind servers (did you mean server?)')
  })

  it('leaves out what whoever asks may not see, with a warning, and is refused where that was asked for', async () => {
    await fill()
    const some = await world.run(['export'], { as: 'viewer' })
    expect(some.exit).toBe(0)
    expect(some.out).toContain(
      '# Not here, because whoever exported may not see them:\n#   principal\n',
    )
    expect(some.err).toContain('you may not see these kinds: principal, grant')
    const one = await world.run(['export', '--kind', 'grant'], { as: 'viewer' })
    expect([one.exit, one.out]).toEqual([1, ''])
  })
})

describe('import --to-gateway', () => {
  const FOREIGN = JSON.stringify({
    mcpServers: {
      files: { command: 'npx', args: ['-y', 'files'], disabledTools: ['write'] },
      search: { url: 'https://s.example.com/mcp', headers: { 'X-Api-Key': '${SEARCH_KEY}' } },
      shady: { command: 'shady' },
      wiki: { command: 'other' },
    },
  })
  const argv = ['import', 'mcp.json', '--to-gateway']
  const files = { 'mcp.json': FOREIGN }
  const env = { SEARCH_KEY: 'hunter2hunter2' }

  it('says in a dry run what would be written and what not, and writes nothing', async () => {
    const { exit, out } = await world.run([...argv, '--dry-run'], { files, env, tty: true })
    expect(exit).toBe(1)
    expect(out).toBe(
      [
        'WHAT                         OUTCOME              WHY',
        'server files                 would be added',
        'server search                would be added',
        'server shady                 refused by a policy  shady servers are not wanted (NOT_WANTED)',
        'server wiki                  is there already',
        'policy files-disabled-tools  would be added',
        '',
      ].join('\n'),
    )
    expect(await ids('server')).toEqual([])
  })

  it('creates what it finds, with values of this environment, and tells what it did not', async () => {
    const { exit, json, err } = await world.run(argv, { files, env })
    expect(exit).toBe(1)
    expect(json.items.map(({ id, outcome }: Record<string, string>) => `${id} ${outcome}`)).toEqual(
      [
        'files written',
        'search written',
        'shady vetoed',
        'wiki exists',
        'files-disabled-tools written',
      ],
    )
    expect(json.items[2].error).toMatchObject({
      code: 'POLICY_DENIED',
      violation: { code: 'NOT_WANTED' },
    })
    expect(err).toContain('left out plugins.enabled: it stays in the configuration file')
    expect(err).not.toContain('hunter2')
    expect(await ids('server')).toEqual(['files', 'search'])
    expect(await ids('policy')).toEqual(['files-disabled-tools'])
    expect(JSON.stringify(await world.stored('server', 'search'))).not.toContain('hunter2')
  })

  it('asks nobody anything while a variable is missing', async () => {
    const { exit, err } = await world.run(argv, { files })
    expect(exit).toBe(78)
    expect(err).toContain('the environment variable SEARCH_KEY is not set')
    expect(await ids('server')).toEqual([])
  })

  it('takes what was exported, and takes it once', async () => {
    await fill()
    for (const [name, more] of [
      ['all.yaml', []],
      ['all.json', ['--json']],
    ] as const) {
      const { out } = await world.run(['export', ...more])
      await using other = await createAdminWorld()
      const again = ['import', name, '--to-gateway']
      const { exit, json } = await other.run(again, { files: { [name]: out } })
      expect([exit, json.items.length]).toEqual([0, 7])
      for (const kind of ['server', 'virtual_server', 'policy', 'role', 'principal'])
        expect(await ids(kind, other)).toEqual(await ids(kind))
      expect((await other.run(['export'])).out.replaceAll(other.url, world.url)).toBe(
        (await world.run(['export'])).out,
      )
      const second = await other.run(again, { files: { [name]: out } })
      expect(second.exit).toBe(1)
      expect(
        new Set(second.json.items.map(({ outcome }: Record<string, string>) => outcome)),
      ).toEqual(new Set(['exists']))
    }
  })

  it('refuses a secret that is still masked', async () => {
    const headers = { 'X-Api-Key': '[redacted]' }
    const text = JSON.stringify({
      version: 1,
      servers: [{ name: 's', url: 'https://s.example.com', headers }],
    })
    const { exit, json } = await world.run(['import', 'a.json', '--to-gateway'], {
      files: { 'a.json': text },
    })
    expect(exit).toBe(1)
    expect(json.items[0].error.message).toContain('there is no value behind the mask')
  })

  it('leaves what is no entity where it belongs', async () => {
    const text =
      'version: 1\nlisten: { port: 1 }\nidentity: { anonymous: deny, keys: [] }\nservers: []\n'
    const { exit, out, err } = await world.run(['import', 'a.yaml', '--to-gateway'], {
      files: { 'a.yaml': text },
      tty: true,
    })
    expect([exit, out]).toEqual([0, 'nothing in it is an entity\n'])
    expect(err).toBe(
      [
        'warning: left out listen: it stays in the configuration file of the gateway',
        'warning: left out identity.anonymous: it stays in the configuration file of the gateway',
        'warning: left out identity.keys: a key is kept as a digest that is shown to nobody; make a new one with portcullis key create',
        '',
      ].join('\n'),
    )
  })

  it('ends at the first answer that is no refusal of one of them', async () => {
    const { exit, err, json } = await world.run(argv, {
      files,
      env: { ...env, PORTCULLIS_TOKEN: 'pcl_nobody-knows_0123456789' },
    })
    expect(exit).toBe(1)
    expect(json.items).toEqual([])
    expect(err).toContain('warning: 5 of 5 have not had their turn')
    expect(err).toContain('[AUTH_INVALID]')
  })

  it.each([
    [['import', 'mcp.json', '--dry-run'], '--dry-run goes with --to-gateway'],
    [['import', 'mcp.json', '--admin', 'http://h'], '--admin goes with --to-gateway'],
    [['import', 'mcp.json', '--to-gateway', '--out', 'b'], 'one of them'],
  ])('is called wrongly with %j', async (wrong, message) => {
    const { exit, err } = await world.run(wrong, { files })
    expect(exit).toBe(2)
    expect(err).toContain(message)
  })
})
