// The admin API of a gateway as it is started: its first token, what it may do, and where it is not.
import { mkdir, readFile, stat } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type RunningGateway, startGateway } from '../../src/app.ts'
import { hashKey, mintKey } from '../../src/identity/api-key.ts'
import { memoryLog } from '../gateway/running.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'

let directory: TemporaryDirectory
let log: ReturnType<typeof memoryLog>
let running: RunningGateway | undefined
beforeEach(async () => {
  directory = await temporaryDirectory()
  log = memoryLog()
})
afterEach(async () => {
  await stop()
  await directory[Symbol.asyncDispose]()
})

async function stop(): Promise<void> {
  await running?.stop({ now: true })
  running = undefined
}

const fileOf = (name = 'admin-token') => `${directory.path}/data/${name}`

async function start(
  more: object = {},
  onFirstToken?: (token: string) => void,
): Promise<RunningGateway> {
  const config = {
    version: 1,
    listen: { port: 0 },
    admin: { api: true, port: 0 },
    store: { url: `sqlite:${fileOf('portcullis.db')}` },
    ...more,
  }
  running = await startGateway({
    config,
    log,
    watch: false,
    ...(onFirstToken ? { onFirstToken } : {}),
  })
  return running
}

async function call(token: string, path: string, how: { method?: string; body?: object } = {}) {
  const { method = 'GET', body } = how
  const answer = await fetch(`${running?.adminUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of JSON it checks right away
  return { status: answer.status, json: (await answer.json()) as any }
}

describe('the first admin token', () => {
  it('is written where only its owner can read it, once, and never logged', async () => {
    const { tokenFile } = await start()
    expect(tokenFile).toBe(fileOf())
    expect((await stat(fileOf())).mode & 0o777).toBe(0o600)
    const token = (await readFile(fileOf(), 'utf8')).trim()
    expect(await call(token, '/me')).toMatchObject({
      status: 200,
      json: { id: 'first-admin', roles: ['admin'] },
    })
    expect(JSON.stringify(log.lines)).toContain(fileOf())
    expect(JSON.stringify(log.lines)).not.toContain(token)
    await stop()
    expect((await start()).tokenFile).toBeUndefined()
    expect((await call(token, '/me')).status).toBe(200)
  })

  it('is given to who can show it, and then in no file', async () => {
    const tokens: string[] = []
    await start({}, (token) => void tokens.push(token))
    expect(tokens).toHaveLength(1)
    await expect(stat(fileOf())).rejects.toThrow('ENOENT')
    const made = await call(tokens[0] ?? '', '/servers', {
      method: 'POST',
      body: { body: { name: 'files', url: 'http://127.0.0.1:1/mcp' } },
    })
    expect(made).toMatchObject({ status: 201, json: { id: 'files', source: 'dynamic' } })
  })

  it('is not made where somebody has a key with the role already', async () => {
    const { hash, key } = mintKey('mine')
    const tokens: string[] = []
    const keys = [{ id: 'mine', hash, principal: 'me', roles: ['admin'] }]
    await start({ identity: { api_keys: true, keys } }, (token) => void tokens.push(token))
    expect(tokens).toEqual([])
    expect(hashKey(key)).toBe(hash)
    expect((await call(key, '/me')).json.id).toBe('me')
  })

  it('is made although a tenant has an admin, or a key is for few rights only: they are nobody for the gateway as a whole', async () => {
    const keyOf = (id: string, more: object) => {
      return { id, hash: mintKey(id).hash, principal: id, roles: ['admin'], ...more }
    }
    const keys = [keyOf('acme', { tenant: 'acme' }), keyOf('narrow', { scopes: ['mcp:*'] })]
    const tokens: string[] = []
    await start({ identity: { api_keys: true, keys } }, (token) => void tokens.push(token))
    expect(tokens).toHaveLength(1)
  })

  it('is taken back when it cannot be handed over, so that the next start makes another', async () => {
    await mkdir(fileOf(), { recursive: true })
    expect((await start()).tokenFile).toBeUndefined()
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'the first admin token could not be made' },
    ])
    await stop()
    const tokens: string[] = []
    await start({}, (token) => void tokens.push(token))
    expect(tokens).toHaveLength(1)
  })
})

describe('the admin API', () => {
  it('is not there, and opens no store, unless it is switched on', async () => {
    const { adminUrl } = await start({ admin: { port: 0 } })
    expect((await fetch(`${adminUrl}/api/v1/me`)).status).toBe(404)
    expect((await fetch(`${adminUrl}/openapi.json`)).status).toBe(404)
    await expect(stat(fileOf('portcullis.db'))).rejects.toThrow('ENOENT')
  })

  it('takes nobody without a key, although the MCP endpoint does', async () => {
    const { adminUrl } = await start({}, () => {})
    expect((await fetch(`${adminUrl}/api/v1/me`)).status).toBe(401)
    expect((await call('pcl_first-admin_wrong', '/me')).json.code).toBe('AUTH_INVALID')
  })

  it('is closed to everybody although a role of everyone reaches into every tenant', async () => {
    const everyone = { allow: [{ actions: ['mcp:*'], tenants: ['*'] }] }
    let token = ''
    await start({ identity: { roles: { everyone } } }, (made) => {
      token = made
    })
    const body = { id: 'plain', body: { principal: 'plain' } }
    const { json } = await call(token, '/keys', { method: 'POST', body })
    expect((await call(json.once.key, '/me')).json.id).toBe('plain')
    expect((await call(json.once.key, '/status')).status).toBe(403)
    expect((await call(json.once.key, '/servers')).status).toBe(403)
  })

  it('explains, shows and rehearses what runs', async () => {
    let token = ''
    const secret = 'hunter2-hunter2'
    const servers = [
      { name: 'files', url: 'http://127.0.0.1:1/mcp', headers: { authorization: secret } },
    ]
    const policies = [
      {
        name: 'no-drops',
        on: ['tool_pre_invoke'],
        when: 'payload.name == "drop"',
        // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
        then: 'deny',
        code: 'DROP',
        reason: 'no',
      },
    ]
    const plugins = { enabled: true, allowed: ['rules'] }
    await start({ servers, policies, plugins }, (made) => {
      token = made
    })
    const question = { point: 'tool_pre_invoke', server: 'files', name: 'drop' }
    expect(await call(token, '/explain', { method: 'POST', body: question })).toMatchObject({
      status: 200,
      json: { outcome: { kind: 'deny', code: 'DROP', entry: 'no-drops' } },
    })
    const wrong = await call(token, '/explain', {
      method: 'POST',
      body: { point: 'tool_pre_invok' },
    })
    expect(wrong).toMatchObject({ status: 400, json: { code: 'WIRE_INVALID_PARAMS' } })
    const { json } = await call(token, '/config')
    expect(json.config.servers[0].name).toBe('files')
    expect(JSON.stringify(json)).not.toContain(secret)
    expect(await call(token, '/reload?dryRun=true', { method: 'POST' })).toMatchObject({
      status: 200,
      json: { outcome: 'unchanged', changed: [] },
    })
    expect((await call(token, '/servers/files')).json).toMatchObject({
      source: 'declared',
      version: 0,
    })
  })

  it('is below admin.path with everything else of the listener', async () => {
    let token = ''
    const { adminUrl } = await start({ admin: { api: true, port: 0, path: '/ops' } }, (made) => {
      token = made
    })
    expect((await fetch(`${adminUrl}/healthz`)).status).toBe(200)
    expect(adminUrl).toMatch(/\/ops$/)
    expect((await call(token, '/me')).status).toBe(200)
  })
})
