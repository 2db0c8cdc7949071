// How commands find the admin API and prove who asks, and what they make of whatever answers.
import { once } from 'node:events'
import { chmodSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ADMIN_SCHEMA } from '../../src/admin/options.ts'
import { namesOf } from '../../src/admin/routes/names.ts'
import { KINDS, PATHS } from '../../src/cli/api/entity.ts'
import { ApiRefusal, readRefusal } from '../../src/cli/api/refusal.ts'
import { exitOf } from '../../src/cli/exit.ts'
import { freePort } from '../support/ports.ts'
import { type AdminWorld, createAdminWorld, tokenOf } from './admin-world.ts'
import { cli, temporaryFolder } from './shell.ts'

const TOKEN = tokenOf('admin')
const LIST = ['server', 'list']

let world: AdminWorld
const open: AsyncDisposable[] = []
beforeAll(async () => {
  world = await createAdminWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
})

/** Something else that listens. */
async function answering(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const json =
  (status: number, body: unknown, type = 'application/json'): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body))
  }

/** Whether it has ended by the next turn of the loop. */
const settled = (asking: Promise<unknown>): Promise<boolean> =>
  Promise.race([asking.then(() => true), new Promise<false>((no) => setImmediate(no, false))])

describe('where the admin API is', () => {
  const ask = (argv: readonly string[], env: Record<string, string>, files = {}) =>
    cli([...LIST, ...argv], { env: { PORTCULLIS_TOKEN: TOKEN, ...env }, files })

  it('is what --admin says, then PORTCULLIS_ADMIN, then the configuration', async () => {
    const port = new URL(world.url).port
    const files = { 'portcullis.yaml': `version: 1\nadmin: { host: 0.0.0.0, port: ${port} }\n` }
    const wrong = { PORTCULLIS_ADMIN: 'http://127.0.0.1:1' }
    expect((await ask(['--admin', world.url], wrong)).exit).toBe(0)
    expect((await ask([], { PORTCULLIS_ADMIN: `${world.url}/` })).exit).toBe(0)
    expect((await ask([], {}, files)).exit).toBe(0)
    expect((await ask([], { PORTCULLIS_ADMIN_PORT: port })).exit).toBe(0)
    const named = { 'other.yaml': files['portcullis.yaml'] }
    expect((await ask(['--config', 'other.yaml'], {}, named)).exit).toBe(0)
  })

  it('is below the path of the configuration', async () => {
    await using below = await createAdminWorld({ path: '/ops' })
    const { port } = new URL(below.url)
    const files = { 'portcullis.yaml': `version: 1\nadmin: { port: ${port}, path: /ops }\n` }
    expect((await ask([], {}, files)).exit).toBe(0)
    expect((await ask(['--admin', below.url], {})).exit).toBe(0)
  })

  it('is the usual address where nothing says another', async () => {
    const port = await freePort()
    const { err } = await ask([], { PORTCULLIS_ADMIN_PORT: String(port) })
    expect(err).toContain(`http://127.0.0.1:${port}: connect ECONNREFUSED`)
    expect(ADMIN_SCHEMA.properties.port.default).toBe(8081)
  })

  it.each([
    [['--admin', 'ftp://h'], {}, 2, '--admin: not an http or https URL'],
    [['--admin', 'http://me:hunter2@h'], {}, 2, '--admin: credentials do not belong in a URL'],
    [['--admin', 'http://h/?a=b'], {}, 2, '--admin: the address has no query'],
    [[], { PORTCULLIS_ADMIN: 'here' }, 2, 'PORTCULLIS_ADMIN: not an http or https URL'],
    [['--config', 'none.yaml'], {}, 78, 'none.yaml'],
  ])('is refused as %j %j', async (argv, env, exit, message) => {
    const ran = await ask(argv as string[], env as Record<string, string>)
    expect(ran.exit).toBe(exit)
    expect(ran.err).toContain(message)
    expect(ran.err).not.toContain('hunter2')
  })

  it('is warned of where others on the way could read the token', async () => {
    const url = await answering(json(200, { items: [], next: null }))
    const { port } = new URL(url)
    const { exit, err } = await ask(['--admin', `http://0.0.0.0:${port}`], {})
    expect([exit, err]).toEqual([
      0,
      `warning: http://0.0.0.0:${port} is not https: others on the way can read the token\n`,
    ])
  })

  it('cannot be known where the system chose the port', async () => {
    const { exit, err } = await ask(
      [],
      {},
      { 'portcullis.yaml': 'version: 1\nadmin: { port: 0 }\n' },
    )
    expect(exit).toBe(2)
    expect(err).toContain('name the address that start printed with --admin')
  })

  it('can be named where the configuration is wrong, which is said', async () => {
    const { exit, err } = await ask([], {}, { 'portcullis.yaml': 'version: 2\n' })
    expect(exit).toBe(78)
    expect(err).toContain('--admin or PORTCULLIS_ADMIN names the admin API without a configuration')
  })
})

describe('who asks', () => {
  const ask = (argv: readonly string[], env: Record<string, string>, files = {}) =>
    cli([...LIST, ...argv], { env, cwd: temporaryFolder(files) })
  const here = { PORTCULLIS_ADMIN: '' }

  it('is said by --token-file, then PORTCULLIS_TOKEN, then the first token beside the store', async () => {
    const { port } = new URL(world.url)
    const yaml = `version: 1\nadmin: { port: ${port} }\nstore: { url: 'sqlite:./a.db' }\n`
    const files = { 'portcullis.yaml': yaml, 'admin-token': `${TOKEN}\n`, token: TOKEN }
    const other = { PORTCULLIS_TOKEN: 'pcl_nobody-knows_0123456789' }
    expect((await ask(['--token-file', 'token'], other, files)).exit).toBe(0)
    expect((await ask([], { PORTCULLIS_TOKEN: TOKEN }, files)).exit).toBe(0)
    expect((await ask([], here, files)).exit).toBe(0)
    const { exit, err } = await ask([], other, files)
    expect(exit).toBe(1)
    expect(err).toBe(
      'error: there is no such key (the token is that of PORTCULLIS_TOKEN) [AUTH_INVALID]\n  get a new token or key\n',
    )
  })

  it('is never the first token for a gateway that was named', async () => {
    const files = {
      'portcullis.yaml': 'version: 1\nstore: { url: "sqlite:./a.db" }\n',
      'admin-token': TOKEN,
    }
    const { exit, err } = await ask(['--admin', world.url], {}, files)
    expect([exit, err]).toEqual([2, 'error: no token: set PORTCULLIS_TOKEN or give --token-file\n'])
  })

  it('is never said on the command line', async () => {
    for (const argv of [['--token', TOKEN], [`--token=${TOKEN}`], ['--token']]) {
      const { exit, out, err } = await ask(argv, { PORTCULLIS_ADMIN: world.url })
      expect([exit, out]).toEqual([2, ''])
      expect(err).toBe(
        'error: --token: others on this machine can read command lines; use --token-file or PORTCULLIS_TOKEN\n',
      )
    }
    expect((await cli([...LIST, '--help'])).out).not.toMatch(/--token\b(?!-)/)
  })

  it.each([
    [['--token-file', 'none'], {}, 'none is not there'],
    [['--token-file', '.'], {}, 'cannot be read'],
    [['--token-file', 'two'], {}, 'what is there is no token'],
    [[], { PORTCULLIS_TOKEN: 'hunter2 hunter2' }, 'PORTCULLIS_TOKEN: what is there is no token'],
    [[], { PORTCULLIS_TOKEN: 'short' }, 'PORTCULLIS_TOKEN: what is there is no token'],
  ])('is not said by %j %j', async (argv, env, message) => {
    const files = { two: 'hunter2hunter2\nhunter2hunter2' }
    const ran = await ask(argv as string[], { PORTCULLIS_ADMIN: world.url, ...env }, files)
    expect(ran.exit).toBe(2)
    expect(ran.err).toContain(message)
    expect(ran.err).not.toContain('hunter2')
  })

  it('is not taken from a first token that others can read, and from a file of theirs with a warning', async () => {
    const yaml = `version: 1\nadmin: { port: ${new URL(world.url).port} }\nstore: { url: 'sqlite:./a.db' }\n`
    const cwd = temporaryFolder({ 'portcullis.yaml': yaml, 'admin-token': TOKEN })
    chmodSync(join(cwd, 'admin-token'), 0o644)
    const first = await cli(LIST, { cwd, env: here })
    expect(first.exit).toBe(2)
    expect(first.err).toContain('can be read by others; revoke that token')
    const named = await cli([...LIST, '--token-file', 'admin-token'], { cwd, env: here })
    expect(named.exit).toBe(0)
    expect(named.err).toContain('can be read by others')
  })
})

describe('whatever answers', () => {
  const ask = (url: string, argv: readonly string[] = LIST) =>
    cli(argv, { env: { PORTCULLIS_ADMIN: url, PORTCULLIS_TOKEN: TOKEN } })

  it('is nothing: it says how to start one', async () => {
    const at = `127.0.0.1:${await freePort()}`
    const { exit, err } = await ask(`http://${at}`)
    expect(exit).toBe(1)
    expect(err).toBe(
      `error: http://${at}: connect ECONNREFUSED ${at} [ADMIN_UNREACHABLE]\n` +
        '  start the gateway with admin.api: true, or name its address with --admin or PORTCULLIS_ADMIN\n',
    )
  })

  it('is the listener of a gateway without the API', async () => {
    const body = { type: 'about:blank', status: 404, detail: 'there is /healthz' }
    const { exit, err } = await ask(await answering(json(404, body, 'application/problem+json')))
    expect(exit).toBe(1)
    expect(err).toContain(
      'answers 404, but not as the admin API: is admin.api true there? [ADMIN_ANSWER]',
    )
  })

  it.each([
    [
      'a page',
      async (): Promise<string> =>
        answering(
          (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
        ),
      '200, text/html',
    ],
    [
      'a redirect',
      async () =>
        answering((_, response) => void response.writeHead(302, { location: world.url }).end()),
      'answers 302',
    ],
    [
      'half of JSON',
      async () =>
        answering(
          (_, response) =>
            void response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
        ),
      'what is no JSON',
    ],
    [
      'JSON of another kind',
      async () => answering(json(200, { hello: 1 })),
      'what is no entity or list of them',
    ],
    [
      'a list of something else',
      async () => answering(json(200, { items: [{ a: 1 }], next: null })),
      'what is no entity or list of them',
    ],
    [
      'an answer that breaks off',
      async () =>
        answering((_, response) => {
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
          response.write('{')
          response.destroy()
        }),
      'ADMIN_UNREACHABLE',
    ],
  ])('is %s', async (_name, start, message) => {
    const { exit, out, err } = await ask(await start())
    expect([exit, out]).toEqual([1, ''])
    expect(err).toContain(message)
  })

  it('is a gateway that asks to wait', async () => {
    const body = { code: 'API_LIMITED', detail: 'more than 1 requests a minute', next: 'wait' }
    const { err } = await ask(
      await answering((_, response) => {
        const headers = { 'content-type': 'application/problem+json', 'retry-after': '7' }
        response.writeHead(429, headers).end(JSON.stringify(body))
      }),
    )
    expect(err).toContain('more than 1 requests a minute (try again in 7 s) [API_LIMITED]')
  })

  it('is followed page by page, up to a bound', async () => {
    const asked: string[] = []
    const url = await answering((request, response) => {
      asked.push(request.url ?? '')
      const items = Array.from({ length: 200 }, (_, at) => ({
        ...{ kind: 'server', id: `s${asked.length}-${at}`, version: 1, source: 'dynamic' },
        body: {},
      }))
      json(200, { items, next: `c${asked.length}` })(request, response)
    })
    const { exit, json: got, err } = await ask(url)
    expect([exit, asked.length, got.items.length, got.more]).toEqual([0, 100, 20_000, true])
    expect(asked[1]).toBe('/api/v1/servers?limit=200&cursor=c1')
    expect(err).toContain('only the first 20000 are shown')
  })

  it('is asked on after a page with nothing on it, up to a bound', async () => {
    let asked = 0
    const url = await answering((request, response) => {
      asked++
      json(200, { items: [], next: 'on' })(request, response)
    })
    const { exit, json: got } = await ask(url)
    expect([exit, asked, got]).toEqual([0, 500, { items: [], more: true }])
  })

  it.each([
    ['a read', LIST, 30_000, 'no answer within 30 s'],
    ['a stream', ['audit', 'export'], 30_000, 'no answer within 30 s'],
    ['a write', ['server', 'add', 'a', '--command', 'node'], 180_000, 'no answer within 180 s'],
  ])('is waited for no longer than %s may take', async (_name, argv, deadline, message) => {
    const came = Promise.withResolvers<void>()
    const url = await answering((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write(' ')
      came.resolve()
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const asking = ask(url, argv)
      await came.promise
      // the first sign of life of a stream may come after this
      while (!(await settled(asking))) vi.advanceTimersByTime(deadline)
      const { exit, err } = await asking
      expect(exit).toBe(1)
      expect(err).toContain(`${url}: ${message} [ADMIN_UNREACHABLE]`)
    } finally {
      vi.useRealTimers()
    }
  })

  it('writes once although the first connection breaks', async () => {
    const keys: unknown[] = []
    const url = await answering((request, response) => {
      keys.push(request.headers['idempotency-key'])
      if (keys.length === 1) return void request.socket.destroy()
      const entity = { kind: 'server', id: 'a', version: 1, source: 'dynamic', body: {} }
      json(201, entity)(request, response)
    })
    const { exit } = await ask(url, ['server', 'add', 'a', '--command', 'node'])
    expect(exit).toBe(0)
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]])
  })

  it('is changed only as it was seen', async () => {
    const tags: unknown[] = []
    const entity = { kind: 'key', id: 'a', version: 4, source: 'dynamic', body: {} }
    const url = await answering((request, response) => {
      tags.push(request.headers['if-match'])
      response.setHeader('etag', '"4-abc"')
      if (request.method === 'GET') return json(200, entity)(request, response)
      json(412, { code: 'REGISTRY_PRECONDITION', detail: 'another version', next: 'again' })(
        request,
        response,
      )
    })
    const { exit, err } = await ask(url, ['key', 'revoke', 'a'])
    expect([exit, tags]).toEqual([1, [undefined, '"4-abc"']])
    expect(err).toContain('[REGISTRY_PRECONDITION]')
  })

  it('moves no cursor of a terminal', async () => {
    const item = {
      kind: 'server',
      id: 'a\u001b[2J',
      version: 1,
      source: 'dynamic',
      body: { url: '\u202ex' },
    }
    const url = await answering(json(200, { items: [item], next: null }))
    const env = { PORTCULLIS_ADMIN: url, PORTCULLIS_TOKEN: TOKEN, NO_COLOR: '1' }
    const { out } = await cli(LIST, { env, tty: true })
    expect(out).toContain('a\\x1b[2J')
    expect(out.includes('\u001b') || out.includes('\u202e')).toBe(false)
  })

  it('has colours on a terminal and none with NO_COLOR', async () => {
    const env = { PORTCULLIS_ADMIN: world.url, PORTCULLIS_TOKEN: TOKEN }
    expect((await cli(LIST, { env, tty: true })).out).toContain('\u001b[')
    expect((await cli(LIST, { env: { ...env, NO_COLOR: '1' }, tty: true })).out).not.toContain(
      '\u001b[',
    )
  })
})

it('ends with 1 for whatever a gateway refuses, its own configuration among it', () => {
  const refusal = readRefusal(422, { code: 'CONFIG_INVALID', detail: 'no' })
  expect(refusal && exitOf(new ApiRefusal(refusal))).toBe(1)
})

it('knows the paths of all kinds', () => {
  expect(PATHS).toEqual(Object.fromEntries(KINDS.map((kind) => [kind, namesOf(kind).path])))
  const document = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  const { paths } = JSON.parse(document) as { paths: Record<string, unknown> }
  for (const path of Object.values(PATHS)) expect(Object.keys(paths)).toContain(`/api/v1${path}`)
})

it('prints no token, whatever sends it back and however', async () => {
  const token = fc.stringMatching(/^[A-Za-z0-9\-._~+/]{8,60}$/)
  const shape = fc.constantFrom(
    'detail',
    'next',
    'code',
    'reason',
    'page',
    'item',
    'status',
    'lines',
  )
  const argv = fc.constantFrom(
    LIST,
    ['server', 'show', 'a'],
    ['role', 'list'],
    ['key', 'create', 'b'],
    ['export'],
    ['audit', 'search'],
    ['audit', 'export'],
  )
  let answer: RequestListener = () => {}
  const url = await answering((request, response) => answer(request, response))
  await fc.assert(
    fc.asyncProperty(
      token,
      shape,
      argv,
      fc.boolean(),
      fc.boolean(),
      async (secret, at, words, tty, asJson) => {
        const problem = { code: 'AUTH_DENIED', detail: 'no', next: 'ask', violation: undefined }
        const entity = {
          kind: 'server',
          id: 'a',
          version: 1,
          source: 'dynamic',
          body: {},
          status: {},
        }
        const said = `x ${secret} y`
        answer = {
          detail: json(403, { ...problem, detail: said }),
          next: json(403, { ...problem, next: said }),
          code: json(403, { ...problem, code: secret }),
          reason: json(403, { ...problem, violation: { code: 'X', reason: said } }),
          page: json(200, { items: [{ ...entity, id: said }], next: null }),
          item: json(200, { ...entity, body: { url: said, [secret]: 1 } }),
          status: json(500, said, 'text/plain'),
          lines: json(200, { a: said }),
        }[at]
        const env = { PORTCULLIS_ADMIN: url, PORTCULLIS_TOKEN: secret }
        const { out, err } = await cli([...words, ...(asJson ? ['--json'] : [])], { env, tty })
        expect((out + err).includes(secret)).toBe(false)
      },
    ),
    { numRuns: 60 },
  )
})
