// A PostgreSQL that cannot be had: an error soon, without the password, and work again once it is back.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { node, root } from '../support/paths.ts'
import { makeSchema, noPostgres } from './postgres.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

function storeAt(url: string): Store {
  const store = createStore({ url, pool: 2 }, { clock: systemClock })
  undo.push(store.close)
  return store
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function refused(attempt: Promise<unknown>, reason: string): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining(reason),
  })
  expect(`${error.message} ${JSON.stringify(error)} ${error.cause}`).not.toContain('geheim')
}

const put = (id: string) => ({
  writes: [{ op: 'put', kind: 'k', id, tenant: undefined, body: {}, expect: 0 } as const],
  by: 'ada',
  requestId: 'r',
})

describe('a store in PostgreSQL', () => {
  it('where nobody listens is an error at once, with the place and without the password', async () => {
    const server = createServer()
    const port = await listening(server)
    await new Promise((done) => server.close(done))
    const store = storeAt(`postgres://ada:geheim@127.0.0.1:${port}/db?options=geheim`)
    const began = performance.now()
    await refused(store.start(), `the store postgres://127.0.0.1:${port}/db: connect ECONNREFUSED`)
    expect(performance.now() - began).toBeLessThan(2500)
  })

  it('that says nothing is an error within seconds', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket))
    undo.push(async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const store = storeAt(`postgres://ada:geheim@127.0.0.1:${await listening(server)}/db`)
    await refused(store.revision(), 'timeout')
  })

  it('at a URL that is none is an error without it', async () => {
    await refused(storeAt('postgres://ada:geheim@[').start(), 'the store postgres: ')
  })

  it('without the package pg says how to get it', () => {
    const script = `
      import { registerHooks } from 'node:module'
      registerHooks({ resolve(name, context, next) {
        if (name === 'pg') throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(name, context)
      } })
      const { createStore } = await import('./src/store/open.ts')
      const { systemClock } = await import('./src/base/clock.ts')
      const store = createStore({ url: 'postgres://ada:geheim@127.0.0.1/db', pool: 1 }, { clock: systemClock })
      await store.start().catch(({ code, message }) => console.log(code, message))`
    const { stdout } = spawnSync(node, ['--input-type=module', '--eval', script], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(stdout.trim()).toBe(
      'STORE_UNAVAILABLE store.url names a PostgreSQL database and the package pg is not installed: npm install pg',
    )
  })
})

/** Between the store and its server, as a network that can be cut. */
async function makeNetwork(server: URL) {
  const sockets = new Set<Socket>()
  let whole = true
  const proxy = createServer((client) => {
    if (!whole) {
      client.destroy()
      return
    }
    const upstream = connect(Number(server.port || 5432), server.hostname)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  const port = await listening(proxy)
  undo.push(async () => proxy.close())
  const url = new URL(server)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    cut() {
      whole = false
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    },
    mend() {
      whole = true
    },
  }
}

describe.skipIf(noPostgres)('a store in a PostgreSQL', () => {
  const schemaHere = async () => {
    const schema = await makeSchema()
    undo.push(schema.drop)
    return schema
  }

  it('that goes away is an error, and works again when it is back', async () => {
    const { url } = await schemaHere()
    const network = await makeNetwork(new URL(url))
    const store = storeAt(network.url)
    await store.commit(put('a'))
    network.cut()
    for (const id of ['b', 'c']) await refused(store.commit(put(id)), 'the store postgres://')
    await refused(store.redeemTicket('k', 'a'), 'the store postgres://')
    await refused(store.putNote({ kind: 'k', key: 'a', body: {} }), 'the store postgres://')
    network.mend()
    expect(await store.commit(put('d'))).toEqual({ revision: 2, versions: [1] })
  })

  it('that ends our sessions is an error at most, and works again', async () => {
    const { url, query } = await schemaHere()
    const named = new URL(url)
    named.searchParams.set('application_name', 'ended')
    const store = storeAt(named.href)
    await store.commit(put('a'))
    await query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ended'",
    )
    await store.revision().catch(() => {})
    expect(await store.commit(put('b'))).toEqual({ revision: 2, versions: [1] })
  })

  it('where somebody holds the lock is an error within seconds, and works again', async () => {
    const { url, query } = await schemaHere()
    const store = storeAt(url)
    await store.commit(put('a'))
    const schema = new URL(url).searchParams.get('options')?.split('=')[1]
    await query(`begin; update ${schema}.store_state set revision = revision`)
    await refused(store.commit(put('b')), 'lock timeout')
    expect(await store.get('k', 'a')).toBeDefined()
    await query('rollback')
    expect(await store.commit(put('b'))).toEqual({ revision: 2, versions: [1] })
  })
})
