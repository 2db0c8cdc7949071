// The admin API over real sockets: what each step of the pipeline lets through, what it answers, and how it says no.
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { createApi } from '../../src/admin/api.ts'
import { createRateLimit, MOST_KEYS } from '../../src/admin/request/rate.ts'
import { AppError } from '../../src/base/errors.ts'
import { createFakeClock } from '../base/fake-clock.ts'
import { clients } from './client.ts'
import { createMemoryWorld } from './memory-world.ts'
import type { Answered, Asked, Who } from './world.ts'

const { start, close } = clients()
afterEach(close)

const SERVERS = '/api/v1/servers'

describe('entities', () => {
  it('are created, seen, replaced, merged and removed, each answer with its tag', async () => {
    const { send, as } = await start()
    const created = await send('operator', 'POST', SERVERS, { body: { name: 'files', size: 1 } })
    expect(created.status).toBe(201)
    expect(created.headers.location).toBe('/api/v1/servers/files')
    expect(created.json).toMatchObject({ kind: 'server', id: 'files', tenant: null, version: 1 })
    const seen = await as('viewer', { path: `${SERVERS}/files` })
    expect(seen.headers.etag).toBe(created.headers.etag)
    const replaced = await send('operator', 'PUT', `${SERVERS}/files`, { body: { name: 'files' } })
    expect(replaced).toMatchObject({ status: 200, json: { version: 2, body: { name: 'files' } } })
    const merged = await send('operator', 'PATCH', `${SERVERS}/files`, { body: { size: 3 } })
    expect(merged.json).toMatchObject({ version: 3, body: { name: 'files', size: 3 } })
    expect((await as('operator', { method: 'DELETE', path: `${SERVERS}/files` })).status).toBe(204)
    expect(await as('viewer', { path: `${SERVERS}/files` })).toMatchObject({
      status: 404,
      json: { code: 'REGISTRY_NOT_FOUND' },
    })
  })

  it('have ids with slashes, percent-encoded in paths', async () => {
    const { as } = await start()
    expect((await as('acme-viewer', { path: '/api/v1/tools/tool%2Facme' })).json.id).toBe(
      'tool/acme',
    )
    expect((await as('acme-viewer', { path: '/api/v1/tools/tool/acme' })).status).toBe(404)
    expect(await as('viewer', { path: '/api/v1/tools/%zz' })).toMatchObject({
      status: 400,
      json: { code: 'API_PARAMETER', errors: [{ parameter: 'id' }] },
    })
  })

  it('refuse an id that is no text that a path can hold', async () => {
    const { send, world } = await start()
    const before = world.digest()
    for (const id of ['a\\n', '\\ud800'])
      expect(
        await send('operator', 'POST', SERVERS, `{"id":"${id}","body":{"name":"a"}}`),
      ).toMatchObject({ status: 422, json: { errors: [{ pointer: '#/id' }] } })
    expect(world.digest()).toBe(before)
  })

  it('show what is shown once only in the answer that made it', async () => {
    const { send, as } = await start()
    const made = await send('admin', 'POST', '/api/v1/keys', { id: 'ci', body: { name: 'ci' } })
    expect(made.json.once).toEqual({ key: 'pcl_ci_secret' })
    expect((await as('admin', { path: '/api/v1/keys/ci' })).text).not.toContain('secret')
  })

  it('are created by PUT with If-None-Match: *, and only if they are not there', async () => {
    const { send } = await start()
    const put = () =>
      send('operator', 'PUT', `${SERVERS}/new`, { body: { name: 'new' } }, { 'if-none-match': '*' })
    expect((await put()).status).toBe(201)
    expect(await put()).toMatchObject({ status: 409, json: { code: 'REGISTRY_EXISTS' } })
  })

  it('are not written in a dry run, whose answer says what would be', async () => {
    const { send, as, world } = await start()
    const before = world.digest()
    const path = `${SERVERS}?dryRun=true`
    expect(await send('operator', 'POST', path, { body: { name: 'dry' } })).toMatchObject({
      status: 200,
      json: { id: 'dry', dryRun: true },
    })
    const gone = await as('operator', {
      method: 'DELETE',
      path: `${SERVERS}/server-shared?dryRun=true`,
    })
    expect(gone).toMatchObject({ status: 200, json: { dryRun: true } })
    expect(world.digest()).toBe(before)
  })

  it('wait where a second person has to agree, until one does', async () => {
    const { send, as } = await start()
    const asked = await send('author', 'POST', '/api/v1/policies', {
      body: { name: 'p', note: 'later' },
    })
    expect(asked.status).toBe(202)
    const { location = '' } = asked.headers
    expect((await as('viewer', { path: location })).json.body.state).toBe('pending')
    expect((await as('viewer', { method: 'POST', path: `${location}/approve` })).status).toBe(403)
    expect(
      (await as('operator', { method: 'POST', path: `${location}/approve` })).json.body.state,
    ).toBe('approved')
    expect(
      await send('operator', 'POST', `${location}/refuse`, { reason: 'too late' }),
    ).toMatchObject({
      status: 422,
      json: { code: 'REGISTRY_INVALID' },
    })
  })
})

describe('a write that is refused', () => {
  it('by a policy says its code and reason, and nothing of the plugin', async () => {
    const { send, world } = await start()
    const before = world.digest()
    const vetoed = await send('operator', 'POST', SERVERS, {
      body: { name: 'x', note: 'forbidden' },
    })
    expect(vetoed.status).toBe(403)
    expect(vetoed.headers['content-type']).toBe('application/problem+json')
    expect(vetoed.json).toEqual({
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      code: 'POLICY_DENIED',
      detail: 'this note is not wanted',
      next: 'ask the operator of the gateway',
      requestId: vetoed.headers['x-request-id'],
      violation: { code: 'NOT_HERE', reason: 'this note is not wanted' },
    })
    expect(world.digest()).toBe(before)
  })

  it('by the schema says where', async () => {
    const { send } = await start()
    expect(
      (await send('operator', 'POST', SERVERS, { body: { name: 5, size: 99 } })).json,
    ).toMatchObject({
      status: 422,
      code: 'REGISTRY_INVALID',
      errors: [{ pointer: '#/body/name' }, { pointer: '#/body/size' }],
    })
    expect((await send('operator', 'POST', SERVERS, { bdy: {} })).json).toMatchObject({
      status: 422,
      code: 'API_BODY',
      errors: [{ pointer: '#' }, { pointer: '#/bdy', detail: 'there is no such member here' }],
    })
  })

  it('by the version says that it is another one, and 404 where there is none', async () => {
    const { send } = await start()
    const put = (id: string, tag: string) =>
      send('operator', 'PUT', `${SERVERS}/${id}`, { body: { name: 'x' } }, { 'if-match': tag })
    for (const tag of ['"9"', '"9-AAAAAAAAAAAAAAAA", "8"', '"foreign"', 'W/"1"'])
      expect(await put('server-shared', tag), tag).toMatchObject({
        status: 412,
        json: { code: 'REGISTRY_PRECONDITION' },
      })
    expect((await put('nowhere', '"foreign"')).status).toBe(404)
    expect((await put('server-shared', 'no quotes')).status).toBe(400)
    expect((await put('server-shared', '*')).status).toBe(200)
    expect((await put('server-shared', '"2"')).status).toBe(200)
    expect((await put('server-shared', '"foreign", "3"')).status).toBe(200)
  })

  it('is of a media type, size or shape that nobody takes', async () => {
    const { as, send, world } = await start()
    const before = world.digest()
    const post = (body: string | Buffer, headers: Asked['headers']) =>
      as('operator', { method: 'POST', path: SERVERS, body, headers: headers ?? {} })
    const json = { 'content-type': 'application/json' }
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post('{}', { 'content-type': 'application/json; charset=latin1' })).status).toBe(
      415,
    )
    expect((await post('{}', { ...json, 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await post(Buffer.alloc(1024 ** 2 + 1, 0x20), json)).status).toBe(413)
    for (const text of [
      '',
      '[]',
      'null',
      '{',
      '{"body":{"name":"a"},"body":{"name":"b"}}',
      '{"body":{"size":9007199254740993}}',
      `${'['.repeat(70)}${']'.repeat(70)}`,
    ])
      expect([400, 422], text).toContain((await post(text, json)).status)
    expect((await post(Buffer.from([0x7b, 0xff, 0x7d]), json)).status).toBe(400)
    expect((await send('operator', 'DELETE', `${SERVERS}/server-shared`, {})).status).toBe(422)
    expect(world.digest()).toBe(before)
  })
})

describe('a request that is repeated', () => {
  it('under its idempotency key is answered as the first time, for its caller and its content only', async () => {
    const { send } = await start()
    const key = { 'idempotency-key': '"one"' }
    const post = (who: Who, name: string) => send(who, 'POST', SERVERS, { body: { name } }, key)
    const first = await post('operator', 'once')
    const second = await post('operator', 'once')
    expect([second.status, second.json]).toEqual([201, first.json])
    expect(await post('operator', 'other')).toMatchObject({
      status: 409,
      json: { code: 'REGISTRY_REPLAYED' },
    })
    expect((await post('admin', 'mine')).status).toBe(201)
    expect(
      (
        await send(
          'operator',
          'POST',
          SERVERS,
          { body: { name: 'x' } },
          { 'idempotency-key': 'a b' },
        )
      ).status,
    ).toBe(400)
  })
})

describe('a conditional read', () => {
  it('is answered 304 while nothing has changed', async () => {
    const { as, send } = await start()
    const path = `${SERVERS}/server-shared`
    const { etag = '' } = (await as('viewer', { path })).headers
    const again = await as('viewer', { path, headers: { 'if-none-match': `"x", W/${etag}` } })
    expect(again).toMatchObject({ status: 304, text: '' })
    await send('operator', 'PATCH', path, { body: { size: 2 } })
    expect((await as('viewer', { path, headers: { 'if-none-match': etag } })).status).toBe(200)
  })
})

describe('pages', () => {
  it('follow each other by signed cursors and links, each item once', async () => {
    const { world, as } = await start()
    for (let at = 0; at < 7; at++)
      world.registry.seed({
        kind: 'peer',
        id: `p${at}`,
        tenant: undefined,
        source: 'dynamic',
        body: { name: 'p', note: 'n' },
      })
    const seen: string[] = []
    let path: string | undefined = '/api/v1/peers?limit=3&note=n'
    while (path !== undefined) {
      const { json, headers }: Answered = await as('viewer', { path })
      seen.push(...json.items.map(({ id }: { id: string }) => id))
      path = /^<(.*)>; rel="next"$/.exec(String(headers.link ?? ''))?.[1]
      expect(path === undefined).toBe(json.next === null)
    }
    expect(seen).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6'])
  })

  it('refuse a cursor that is not of this list, filter or tenant, or was changed', async () => {
    const { as } = await start()
    const { json } = await as('overseer', { path: '/api/v1/servers?limit=1' })
    const cursor = encodeURIComponent(json.next)
    expect(
      (await as('overseer', { path: `/api/v1/servers?cursor=${cursor}` })).json.items,
    ).toHaveLength(1)
    for (const [who, path] of [
      ['overseer', `/api/v1/tools?cursor=${cursor}`],
      ['overseer', `/api/v1/servers?note=x&cursor=${cursor}`],
      ['acme-viewer', `/api/v1/servers?cursor=${cursor}`],
      ['overseer', `/api/v1/servers?cursor=${cursor}A`],
    ] as const)
      expect(await as(who, { path }), path).toMatchObject({
        status: 400,
        json: { code: 'API_CURSOR' },
      })
  })

  it('refuse parameters that are unknown, repeated or out of range', async () => {
    const { as } = await start()
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=1e2',
      'limit=1&limit=2',
      'color=red',
      'cursor=',
      '__proto__=1',
    ])
      expect(await as('viewer', { path: `/api/v1/servers?${query}` }), query).toMatchObject({
        status: 400,
        json: { code: 'API_PARAMETER' },
      })
  })
})

describe('who may', () => {
  it('is asked for credentials, and told which scope would do', async () => {
    const { served, as } = await start()
    expect(await served.ask({ path: '/api/v1/me' })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="portcullis"' },
      json: { code: 'AUTH_REQUIRED' },
    })
    const bad = await served.ask({ path: '/api/v1/me', headers: { authorization: 'Bearer wrong' } })
    expect(bad.headers['www-authenticate']).toBe('Bearer realm="portcullis", error="invalid_token"')
    expect((await as('admin', { path: '/api/v1/me?access_token=admin' })).status).toBe(401)
    expect((await as('viewer', { path: '/api/v1/audit' })).headers['www-authenticate']).toBe(
      'Bearer realm="portcullis", error="insufficient_scope", scope="api:audit.read"',
    )
  })

  it('is never somebody anonymous, whatever the authenticator lets in', async () => {
    const { ANONYMOUS } = await import('../../src/engine/context.ts')
    const { served } = await start({ authenticator: { authenticate: () => ANONYMOUS } })
    expect((await served.ask({ path: '/api/v1/me' })).json.code).toBe('AUTH_REQUIRED')
  })

  it('sees who it is and what it may', async () => {
    const { as } = await start()
    expect((await as('auditor', { path: '/api/v1/me' })).json).toEqual({
      id: 'auditor',
      kind: 'user',
      roles: ['auditor'],
      scopes: [],
      tenant: null,
      rights: ['api:server.read', 'api:audit.read'],
    })
  })

  it('may not speak from a page of another origin', async () => {
    const { as, served } = await start()
    const host = `127.0.0.1:${served.port}`
    const refused: NonNullable<Asked['headers']>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of refused)
      expect(await as('admin', { path: '/api/v1/me', headers })).toMatchObject({
        status: 403,
        json: { code: 'API_ORIGIN_REFUSED' },
      })
    const own = { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }
    const answer = await as('admin', { path: '/api/v1/me', headers: own })
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    )
  })

  it('may ask so often, and is told when again', async () => {
    const { as, world } = await start({ rate: { principal: 2, address: 100 } })
    const me = (who: Who) => as(who, { path: '/api/v1/me' })
    expect((await me('viewer')).headers).toMatchObject({
      'ratelimit-policy': '"principal";q=2;w=60',
      ratelimit: '"principal";r=1;t=0',
    })
    await me('viewer')
    expect(await me('viewer')).toMatchObject({
      status: 429,
      headers: { 'retry-after': '30', ratelimit: '"principal";r=0;t=30' },
      json: { code: 'API_LIMITED' },
    })
    expect((await me('operator')).status).toBe(200)
    world.clock.pass(30_000)
    expect((await me('viewer')).status).toBe(200)
  })

  it('is limited by address before anybody looks at credentials', async () => {
    let asked = 0
    const authenticate = () => {
      asked++
      throw new AppError('AUTH_INVALID', 'no such key')
    }
    const { served } = await start({
      rate: { principal: 100, address: 1 },
      authenticator: { authenticate },
    })
    await served.ask({ path: '/api/v1/me' })
    expect((await served.ask({ path: '/api/v1/me' })).status).toBe(429)
    expect(asked).toBe(1)
  })
})

describe('a rate limit', () => {
  it('remembers a bounded number of callers', () => {
    const limit = createRateLimit({ name: 'address', perMinute: 1, clock: createFakeClock() })
    limit.take('first')
    expect(() => limit.take('first')).toThrow('more than 1 requests a minute')
    for (let at = 0; at < MOST_KEYS; at++) limit.take(`other ${at}`)
    expect(() => limit.take('first')).not.toThrow()
  })
})

describe('methods and paths', () => {
  it('are told apart: 404 for what is not there, 405 with Allow for what is', async () => {
    const { as } = await start()
    for (const path of [
      '/api/v1',
      '/api/v1/',
      '/api/v1/nothing',
      '/api/v1/servers/',
      '/api/v1/SERVERS',
      '/api/v1//servers',
      '/api/v1/servers/a/b',
    ])
      expect(await as('admin', { path }), path).toMatchObject({
        status: 404,
        json: { code: 'API_NOT_FOUND' },
      })
    for (const [method, path, allow] of [
      ['DELETE', '/api/v1/servers', 'GET, HEAD, OPTIONS, POST'],
      ['POST', '/api/v1/servers/x', 'DELETE, GET, HEAD, OPTIONS, PATCH, PUT'],
      ['GET', '/api/v1/reload', 'OPTIONS, POST'],
      ['POST', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ] as const) {
      expect(await as('admin', { method, path })).toMatchObject({ status: 405, headers: { allow } })
      expect(await as('admin', { method: 'OPTIONS', path })).toMatchObject({
        status: 204,
        headers: { allow },
      })
    }
  })

  it('answer HEAD with the headers of GET, also for a stream', async () => {
    const { as } = await start()
    for (const path of ['/api/v1/servers', '/api/v1/audit/export', '/openapi.json']) {
      const head = await as('admin', { method: 'HEAD', path })
      const get = await as('admin', { path })
      expect([head.status, head.text, head.headers['content-type']]).toEqual([
        200,
        '',
        get.headers['content-type'],
      ])
    }
  })

  it('carry the headers that keep browsers and caches out', async () => {
    const { as } = await start()
    for (const path of ['/api/v1/me', '/api/v1/nothing'])
      expect((await as('admin', { path })).headers).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'x-request-id': expect.stringMatching(/^request-\d+$/),
      })
  })

  it('are below the path that is configured, links included', async () => {
    const { as } = await start({}, '/ops')
    expect((await as('admin', { path: '/api/v1/me' })).status).toBe(404)
    expect((await as('admin', { path: '/opsapi/v1/me' })).status).toBe(404)
    expect((await as('admin', { path: '/ops/healthz' })).status).toBe(200)
    const { headers } = await as('overseer', { path: '/ops/api/v1/servers?limit=1' })
    expect(headers.link).toMatch(/^<\/ops\/api\/v1\/servers\?limit=1&cursor=/)
    expect((await as('admin', { path: '/ops/openapi.json' })).json.servers).toEqual([
      { url: '/ops' },
    ])
  })

  it('work in an Express application, behind express.json() too', async () => {
    const world = createMemoryWorld()
    const app = express()
    app.use(express.json())
    app.use('/gw', createApi(world.api))
    app.use((_request, response) => void response.status(418).end())
    const server = app.listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      const base = `http://127.0.0.1:${port}`
      const headers = { authorization: 'Bearer operator', 'content-type': 'application/json' }
      const body = JSON.stringify({ body: { name: 'mounted' } })
      const made = await fetch(`${base}/gw/api/v1/servers`, { method: 'POST', headers, body })
      expect([made.status, made.headers.get('location')]).toEqual([
        201,
        '/gw/api/v1/servers/mounted',
      ])
      expect((await fetch(`${base}/gw/else`)).status).toBe(418)
    } finally {
      server.close()
    }
  })
})

describe('a fault', () => {
  it('is told by its code; its words, and the token, are in neither answer nor log', async () => {
    const { as, world } = await start({
      status: () => {
        throw new Error('disk of bob is full')
      },
    })
    const { status, text, json } = await as('admin', { path: '/api/v1/status' })
    expect([status, json.code]).toEqual([500, 'INTERNAL'])
    expect(text).not.toContain('bob')
    expect(text).not.toMatch(/\.ts|at /)
    expect(world.log.lines).toMatchObject([
      { level: 'error', fields: { requestId: json.requestId, code: 'INTERNAL' } },
    ])
    expect(JSON.stringify(world.log.lines)).not.toContain('Bearer')
  })

  it('of a decision is no permission', async () => {
    const { as } = await start({
      authorise: () =>
        Promise.reject(new AppError('PLUGIN_TIMEOUT', 'the plugin secret-name was late')),
    })
    const { status, text } = await as('admin', { path: '/api/v1/status' })
    expect(status).toBe(500)
    expect(text).not.toContain('secret-name')
  })

  it('of the store says to come again', async () => {
    const { as } = await start({
      config: () => {
        throw new AppError('STORE_UNAVAILABLE', 'the database is away')
      },
    })
    expect(await as('admin', { path: '/api/v1/config' })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    })
  })

  it('of a caller who sends half a body and waits is over in time', async () => {
    const { served, world } = await start()
    const answered = new Promise<number | undefined>((resolve) => {
      const sent = httpRequest({
        port: served.port,
        host: '127.0.0.1',
        method: 'POST',
        path: SERVERS,
        headers: {
          authorization: 'Bearer admin',
          'content-type': 'application/json',
          'content-length': 100,
        },
      })
      sent.on('response', (response) => {
        resolve(response.statusCode)
        sent.destroy()
      })
      sent.on('error', () => {})
      sent.write('{"body"')
    })
    await expect.poll(() => world.clock.timers).toBeGreaterThan(0)
    world.clock.pass(5000)
    expect(await answered).toBe(408)
  })
})
