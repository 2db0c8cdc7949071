// The servers section: what its schema takes and refuses, and the defaults it comes with.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { SERVERS_SCHEMA, serverOptions } from '../../src/upstream/options.ts'

const ajv = new Ajv2020({ strict: false, validateFormats: false })
const validate = ajv.compile(SERVERS_SCHEMA)

it.each([
  { name: 'files', command: 'npx', args: ['-y', 'x'], env: { A: 'b' }, cwd: '/srv' },
  { name: 'search', url: 'https://search.example.com/mcp?x=1', headers: { 'X-Api-Key': 'k' } },
  { name: 'events', url: 'https://search.example.com/sse', transport: 'sse' },
  { name: 'socket', url: 'wss://search.example.com/mcp', headers: { 'X-Api-Key': 'k' } },
  { name: 'a-b_c', url: 'http://127.0.0.1:1/', transport: 'streamable-http', required: true },
  {
    name: 'x',
    command: 'x',
    pool: { per: 'shared', queue: 4 },
    health: { every: '30s', timeout: '5s', restart: { backoff: '1s..60s', max: 10 } },
    tags: ['prod'],
    environment: 'prod',
    tenant: 'acme',
  },
])('$name is a server', (server) => {
  expect(validate([server]), JSON.stringify(validate.errors)).toBe(true)
})

it.each([
  ['neither command nor url', { name: 'x' }],
  ['both command and url', { name: 'x', command: 'x', url: 'http://x/' }],
  ['two underscores in a row', { name: 'a__b', command: 'x' }],
  ['a name with a dot', { name: 'a.b', command: 'x' }],
  ['an unknown key', { name: 'x', command: 'x', comand: 'y' }],
  ['headers for a command', { name: 'x', command: 'x', headers: {} }],
  ['arguments for a url', { name: 'x', url: 'http://x/', args: [] }],
  ['a url of another scheme', { name: 'x', url: 'file:///etc/passwd' }],
  ['credentials in the url', { name: 'x', url: 'https://me:secret@example.com/' }],
  ['a header name with a space', { name: 'x', url: 'http://x/', headers: { 'a b': 'c' } }],
  [
    'a backoff without a range',
    { name: 'x', command: 'x', health: { restart: { backoff: '1s' } } },
  ],
])('%s is refused', (_what, server) => {
  expect(validate([server])).toBe(false)
})

it('every property is described', () => {
  const bare: string[] = []
  const walk = (schema: object, path: string) => {
    for (const [name, inner] of Object.entries(
      (schema as { properties?: object }).properties ?? {},
    )) {
      if (typeof inner.description !== 'string') bare.push(`${path}.${name}`)
      walk(inner, `${path}.${name}`)
    }
  }
  walk(SERVERS_SCHEMA.items, 'servers')
  expect(bare).toEqual([])
})

describe('the defaults', () => {
  it('of a command', () => {
    expect(serverOptions({ name: 'x', command: 'run' })).toEqual({
      kind: 'stdio',
      name: 'x',
      command: 'run',
      args: [],
      env: {},
      cwd: undefined,
      tags: [],
      environment: undefined,
      tenant: undefined,
      required: false,
      queue: 256,
      pool: { per: 'auto', max: 64, idleStop: 300_000 },
      health: { every: 30_000, timeout: 5_000, restart: { least: 1000, most: 60_000, max: 10 } },
    })
  })

  it('give way to what is configured', () => {
    const health = { every: 0, timeout: 100, restart: { backoff: '2m..500ms', max: 1 } }
    expect(serverOptions({ name: 'x', url: 'http://x/', health, required: true })).toMatchObject({
      kind: 'http',
      required: true,
      health: { every: 0, timeout: 100, restart: { least: 500, most: 120_000, max: 1 } },
    })
  })
})

describe('the transport', () => {
  const optionsOf = (url: string, transport?: 'streamable-http' | 'sse' | 'websocket') =>
    serverOptions({ name: 'x', url, ...(transport && { transport }) })

  it('of an http url is what is named, or found out', () => {
    expect(optionsOf('http://x/', 'sse')).toMatchObject({ kind: 'http', transport: 'sse' })
    expect(optionsOf('http://x/')).toMatchObject({ kind: 'http', transport: undefined })
  })

  it('of a ws or wss url is a WebSocket, named or not', () => {
    expect(optionsOf('ws://x/')).toMatchObject({ kind: 'websocket', url: 'ws://x/' })
    expect(optionsOf('wss://x/', 'websocket')).toMatchObject({ kind: 'websocket' })
  })

  it.each([
    ['http://x/', 'websocket'],
    ['wss://x/', 'sse'],
    ['ws://x/', 'streamable-http'],
  ] as const)('of %s cannot be %s', (url, transport) => {
    expect(() => optionsOf(url, transport)).toThrowError(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})

it.each([
  'Host',
  'Sec-WebSocket-Protocol',
  'content-length',
  'MCP-Session-Id',
  'Transfer-Encoding',
])('the header %s cannot be configured', (header) => {
  const server = { name: 'x', url: 'http://x/', headers: { [header]: 'v' } }
  expect(() => serverOptions(server)).toThrowError(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(header) }),
  )
})
