// The section `identity` in a running gateway: keys, tokens, roles and grants of the configuration, as clients meet them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/identity/api-key.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { type Issuer, makeKey, signed, startIssuer } from '../support/issuer.ts'
import { INITIALIZED, initialize, isAnswer, pipeTo } from '../support/lines.ts'
import type { RpcMessage } from '../support/rpc.ts'
import { connect, ERAS } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { LISTEN, runGateway, type Started, server } from './running.ts'

const reader = mintKey('reader')
const narrow = mintKey('narrow')
const signing = makeKey('ed-1', 'EdDSA')
const AUDIENCE = 'https://gate.test/mcp'
const PLACE = 'https://gate.test/.well-known/oauth-protected-resource/mcp'

let recorder: Recorder
let issuer: Issuer
beforeAll(async () => {
  recorder = await startRecorder({ tools: ['read', 'drop'] })
  issuer = await startIssuer([signing])
})
afterAll(async () => {
  await recorder?.close()
  await issuer?.[Symbol.asyncDispose]()
})

const identity = () => ({
  anonymous: 'deny',
  api_keys: true,
  keys: [
    { id: 'reader', hash: reader.hash, principal: 'batch', roles: ['reads'] },
    { id: 'narrow', hash: narrow.hash, principal: 'batch', roles: ['reads'], scopes: ['mcp:*.list'] },
  ],
  oauth: {
    audience: AUDIENCE,
    issuers: [{ issuer: issuer.url, name: 'corp', roles_claim: 'roles' }],
    scopes: { 'mcp:tool.call': 'tools:call' },
  },
  grants: [{ principals: ['local'], roles: ['owns'] }],
  roles: {
    everyone: {},
    reads: { allow: [{ actions: ['mcp:*'] }], deny: [{ actions: ['mcp:tool.*'], tools: ['drop'] }] },
    owns: { allow: [{ actions: ['mcp:*'] }] },
  },
}) // biome-ignore format: a table

const config = () => ({
  servers: [server('rec', recorder.url)],
  // the issuer of the test is at a private address, which has to be named
  network: { allowed_hosts: ['127.0.0.1'] },
  identity: identity(),
})
const start = (): Promise<Started> => runGateway(config())
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const token = (more: object = {}) =>
  signed(
    { alg: 'EdDSA', kid: 'ed-1', typ: 'JWT' },
    {
      iss: issuer.url,
      sub: 'alice',
      aud: AUDIENCE,
      exp: Math.floor(Date.now() / 1000) + 600,
      roles: ['reads'],
      scope: 'tools:call',
      ...more,
    },
    signing,
  )

describe.each(ERAS)('in the %s era', (era) => {
  it('a key or a token of somebody with a role may what the role may', async () => {
    await using gateway = await start()
    for (const credential of [reader.key, token()]) {
      const peer = await connect(era, gateway.url, { headers: bearer(credential) })
      const { response } = await peer.request('tools/list')
      const tools = response?.result?.tools as { name: string }[]
      expect(tools.map(({ name }) => name)).toEqual(['rec__read'])
      expect((await peer.call('rec__read')).error).toBeUndefined()
      expect((await peer.call('rec__drop')).error?.data).toMatchObject({
        code: 'AUTH_DENIED',
        reason: 'the role reads denies mcp:tool.call',
      })
    }
    expect(JSON.stringify(recorder.seen)).not.toContain(reader.key)
    expect(gateway.logged()).not.toContain(reader.key)
  })

  it('a token without the scope of a call is told which would do', async () => {
    await using gateway = await start()
    const peer = await connect(era, gateway.url, { headers: bearer(token({ scope: 'other' })) })
    const { status, headers } = await peer.request('tools/call', { name: 'rec__read' })
    expect([status, headers.get('www-authenticate')]).toEqual([
      403,
      `Bearer error="insufficient_scope", scope="tools:call", resource_metadata="${PLACE}"`,
    ])
  })

  it('a key narrowed to lists calls nothing', async () => {
    await using gateway = await start()
    const peer = await connect(era, gateway.url, { headers: bearer(narrow.key) })
    expect((await peer.request('tools/list')).response?.result?.tools).toHaveLength(1)
    expect((await peer.call('rec__read')).error?.data?.code).toBe('AUTH_DENIED')
  })
})

it.each([
  ['no credentials', {}, 'AUTH_REQUIRED', `Bearer resource_metadata="${PLACE}"`],
  ['an unknown key', bearer(mintKey('stranger').key), 'AUTH_INVALID', `Bearer error="invalid_token", error_description="the API key is not valid", resource_metadata="${PLACE}"`],
] as const)('%s: 401 that names the metadata, which is there', async (_, headers, code, challenge) => {
  await using gateway = await start()
  const answer = await fetch(gateway.url, { method: 'POST', body: '{}', headers })
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, challenge])
  expect(await answer.json()).toMatchObject({ error: { code: -31001, data: { code } } })
  const place = new URL(new URL(PLACE).pathname, gateway.url)
  expect(await (await fetch(place)).json()).toMatchObject({
    resource: AUDIENCE,
    authorization_servers: [issuer.url],
  })
}) // biome-ignore format: a table

it('a token for another audience does not get in', async () => {
  await using gateway = await start()
  const headers = bearer(token({ aud: 'https://other.test' }))
  const answer = await fetch(gateway.url, { method: 'POST', body: '{}', headers })
  expect(answer.status).toBe(401)
})

it('the owner of the process has what grants give to local', async () => {
  await using gateway = await start()
  const client = pipeTo(gateway.gateway)
  client.send(initialize(), INITIALIZED)
  await client.line((line) => isAnswer(line, 'open'))
  client.send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'rec__drop' } })
  const answer = (await client.line((line) => isAnswer(line, 9))) as RpcMessage
  expect(answer.error).toBeUndefined()
})

it('a right that a reload takes away is gone at the next request, and lists change for their readers', async () => {
  await using directory = await temporaryDirectory()
  const write = (more: object = {}) =>
    directory.write('gateway.yaml', JSON.stringify({ version: 1, ...LISTEN, ...config(), ...more }))
  await using gateway = await runGateway({}, [], { configFile: await write() })
  const peer = await connect('legacy', gateway.url, { headers: bearer(reader.key) })
  expect((await peer.call('rec__read')).error).toBeUndefined()
  const { roles: _, ...rest } = identity()
  await write({ identity: { ...rest, roles: { everyone: {}, reads: {}, owns: {} } } })
  expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'applied' })
  expect((await peer.call('rec__read')).error?.data?.code).toBe('AUTH_DENIED')
  expect((await peer.request('tools/list')).response?.result?.tools).toEqual([])
})

it('where the section says nothing, nothing is decided and everybody is let in', async () => {
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
  expect(gateway.gateway.state().runtime.access).toBeNull()
  const peer = await connect('modern', gateway.url, { headers: bearer('whatever') })
  expect((await peer.call('rec__drop')).error).toBeUndefined()
})

it('a server of a tenant is nobody else’s', async () => {
  const keys = { acme: mintKey('acme-key'), other: mintKey('other-key') }
  await using gateway = await runGateway({
    servers: [server('rec', recorder.url, { tenant: 'acme' })],
    identity: {
      api_keys: true,
      keys: Object.entries(keys).map(([tenant, { hash }]) => ({
        id: `${tenant}-key`,
        hash,
        principal: `p-${tenant}`,
        tenant,
      })),
    },
  })
  const of = (key: string) => connect('modern', gateway.url, { headers: bearer(key) })
  expect((await (await of(keys.acme.key)).call('rec__read')).error).toBeUndefined()
  const other = await of(keys.other.key)
  expect((await other.call('rec__read')).error?.data?.code).toBe('AUTH_DENIED')
  expect((await other.request('tools/list')).response?.result?.tools).toEqual([])
})

it('one id in two tenants is two principals: the session of one is unknown to the other', async () => {
  const keys = { acme: mintKey('acme-key'), other: mintKey('other-key') }
  await using gateway = await runGateway({
    servers: [server('rec', recorder.url)],
    identity: {
      api_keys: true,
      keys: Object.entries(keys).map(([tenant, { hash }]) => ({
        id: `${tenant}-key`,
        hash,
        principal: 'ci',
        tenant,
      })),
    },
  })
  const acme = await connect('legacy', gateway.url, { headers: bearer(keys.acme.key) })
  expect((await acme.request('ping')).status).toBe(200)
  const stolen = await acme.request('ping', {}, { headers: bearer(keys.other.key) })
  expect([stolen.status, stolen.response?.error?.data?.code]).toEqual([404, 'SESSION_UNKNOWN'])
})
