// The commands against a gateway that was started as `portcullis start` starts it: its store, its identity, its audit.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type RunningGateway, startGateway } from '../../src/app.ts'
import { silentLogger } from '../../src/base/log.ts'
import { node, nodeFlags } from '../support/paths.ts'
import { freePort } from '../support/ports.ts'
import { cli, temporaryFolder } from './shell.ts'

let cwd: string
let running: RunningGateway

beforeAll(async () => {
  cwd = temporaryFolder({
    'portcullis.yaml': [
      'version: 1',
      'listen: { port: 0 }',
      `admin: { api: true, port: ${await freePort()} }`,
      "store: { url: 'sqlite:./data/portcullis.db' }",
      'audit: { sinks: [{ type: store }] }',
      'servers: [{ name: wiki, url: "http://127.0.0.1:9/mcp" }]',
    ].join('\n'),
  })
  const configFile = join(cwd, 'portcullis.yaml')
  running = await startGateway({ configFile, env: {}, log: silentLogger, watch: false })
}, 30_000)
afterAll(() => running.stop({ now: true }))

// neither an address nor a token is named: both are where a start leaves them
const run = (argv: readonly string[], env: Record<string, string> = {}) => cli(argv, { cwd, env })

it('adds, shows and removes a server', async () => {
  const added = await run([
    'server',
    'add',
    'files',
    '--url',
    'http://127.0.0.1:9/mcp',
    '--tag',
    'a',
  ])
  expect([added.exit, added.err]).toEqual([0, ''])
  const list = await run(['server', 'list'])
  expect(
    list.json.items.map(({ id, source }: Record<string, string>) => `${id} ${source}`),
  ).toEqual(['files dynamic', 'wiki declared'])
  const { json } = await run(['server', 'show', 'files'])
  expect(json).toMatchObject({ id: 'files', body: { tags: ['a'] }, status: { in_force: true } })
  expect((await run(['server', 'remove', 'files'])).exit).toBe(0)
  expect((await run(['server', 'show', 'files'])).exit).toBe(1)
})

it('says how many tools a server has once somebody has listed them', async () => {
  const demo = fileURLToPath(new URL('../../src/cli/demo/server.ts', import.meta.url))
  const line = [node, ...nodeFlags, demo].map((word) => `'${word}'`).join(' ')
  expect((await run(['server', 'add', 'demo', '--command', line])).exit).toBe(0)
  await expect
    .poll(async () => (await run(['server', 'show', 'demo'])).json.status.in_force, {
      timeout: 20_000,
    })
    .toBe(true)
  const tools = () => running.gateway.state().runtime.catalogs.legacy.list('tools')
  const { items } = await tools()
  const { json } = await run(['server', 'show', 'demo'])
  expect(items.length).toBeGreaterThan(0)
  expect(json.status).toMatchObject({ state: 'ready', tools: items.length })
  await run(['server', 'remove', 'demo'])
}, 60_000)

it('makes a key that proves who asks until it is revoked, with the roles that are granted', async () => {
  const made = await run(['key', 'create', 'ann', '--id', 'ann-key', '--role', 'viewer'])
  const token = { PORTCULLIS_TOKEN: made.json.once.key as string }
  expect((await run(['server', 'list'], token)).exit).toBe(0)
  const refused = await run(['server', 'add', 'x', '--url', 'http://127.0.0.1:9/mcp'], token)
  expect(refused.exit).toBe(1)
  expect(refused.err).toContain('[AUTH_DENIED]')
  expect((await run(['role', 'grant', 'operator', 'ann'])).exit).toBe(0)
  expect((await run(['role', 'revoke', 'operator', 'ann'])).exit).toBe(0)
  expect((await run(['key', 'revoke', 'ann-key'])).exit).toBe(0)
  const gone = await run(['server', 'list'], token)
  expect(gone.exit).toBe(1)
  expect(gone.err).toContain('(the token is that of PORTCULLIS_TOKEN) [AUTH_INVALID]')
  expect(gone.err).not.toContain(token.PORTCULLIS_TOKEN)
})

it('exports what was added, and takes it again', async () => {
  await run(['server', 'add', 'kept', '--url', 'http://127.0.0.1:9/mcp'])
  const { out, err } = await run(['export'])
  expect(err).toBe('')
  expect(parse(out)).toEqual({
    version: 1,
    servers: [{ name: 'kept', url: 'http://127.0.0.1:9/mcp' }],
  })
  await run(['server', 'remove', 'kept'])
  const imported = await cli(['import', 'kept.yaml', '--to-gateway', '--admin', running.adminUrl], {
    files: { 'kept.yaml': out },
    env: { PORTCULLIS_TOKEN: (await run(['key', 'create', 'b', '--role', 'admin'])).json.once.key },
  })
  expect([imported.exit, imported.json.items]).toEqual([
    0,
    [{ kind: 'server', id: 'kept', at: 'servers[0]', outcome: 'written' }],
  ])
})

it('finds the writes in the audit', async () => {
  const { exit, json } = await run(['audit', 'search', '--kind', 'write', '--limit', '100'])
  expect(exit).toBe(0)
  expect(json.items.length).toBeGreaterThan(5)
  const { out } = await run(['audit', 'export', '--kind', 'write', '--principal', 'first-admin'])
  expect(JSON.parse(out.split('\n')[0] ?? '')).toMatchObject({ kind: 'write' })
})
