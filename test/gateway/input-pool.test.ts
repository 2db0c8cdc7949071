// Whose connection a legacy server's call takes (`pool.per`): who shares a process, what it is told of its client, and when it ends.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Call } from '../../src/gateway/exchange.ts'
import { linkFor } from '../../src/gateway/links.ts'
import type { Upstream } from '../../src/upstream/client.ts'
import { node, root } from '../support/paths.ts'
import { isRunning } from '../support/process.ts'
import type { RpcMessage } from '../support/rpc.ts'
import { callAnswering, messagesOf, reply } from './answering.ts'
import { connect, ERAS, type Peer, textOf } from './peers.ts'
import { ABLE } from './questioner.ts'
import { runGateway, type Started } from './running.ts'

const asking = (name: string, pool: object) => ({
  name,
  command: node,
  args: [`${root}/test/fixtures/upstream/asking-server.mjs`],
  pool,
})

interface Who {
  readonly pid: number
  readonly capabilities: object
}

const who = async (peer: Peer, name: string): Promise<Who> =>
  JSON.parse(textOf(await peer.call(`${name}__who`)))

let clients = 0
const client = () => ({ name: `client ${++clients}`, version: '1' })
const end = (peer: Peer) => fetch(peer.url, { method: 'DELETE', headers: peer.headers })
const gone = (pid: number) => expect.poll(() => isRunning(pid), { timeout: 5000 }).toBe(false)

describe('pool.per', () => {
  let gateway: Started
  beforeAll(async () => {
    const servers = ['auto', 'shared', 'session', 'principal', 'tenant'].map((per) =>
      asking(per, { per }),
    )
    gateway = await runGateway({ servers: [...servers, asking('default', {})] })
  })
  afterAll(() => gateway?.stop({ now: true }))
  const two = (era: Peer['era'], capabilities = {}) =>
    Promise.all([0, 1].map(() => connect(era, gateway.url, { client: client(), capabilities })))
  const both = async (peers: readonly Peer[], name: string) =>
    Promise.all(peers.map((peer) => who(peer, name)))

  it.each(['auto', 'default'])(
    '%s: clients that cannot be asked share one process, which is told so',
    async (name) => {
      const found = [...(await both(await two('legacy'), name))]
      found.push(...(await both(await two('modern'), name)))
      expect(new Set(found.map(({ pid }) => pid)).size).toBe(1)
      expect(found[0]?.capabilities).toEqual({})
    },
  )

  it.each(ERAS)('auto: each %s client that can be asked has its own, and keeps it', async (era) => {
    const peers = await two(era, { ...ABLE, experimental: { x: {} } })
    const [first, second] = await both(peers, 'auto')
    expect(first?.pid).not.toBe(second?.pid)
    expect(first?.capabilities).toEqual(ABLE)
    expect(await both(peers, 'auto')).toEqual([first, second])
    expect((await who((await two(era))[0] as Peer, 'auto')).pid).not.toBe(first?.pid)
  })

  it('shared: everybody shares one, which is told that nobody can be asked', async () => {
    const peers = [...(await two('legacy', ABLE)), ...(await two('modern'))]
    const found = await both(peers, 'shared')
    expect(new Set(found.map(({ pid }) => pid)).size).toBe(1)
    expect(found[0]?.capabilities).toEqual({})
  })

  it.each(ERAS)('session: each %s client has its own, asked or not', async (era) => {
    const [first, second] = await both(await two(era), 'session')
    expect(first?.pid).not.toBe(second?.pid)
    expect(first?.capabilities).toEqual({})
  })

  it.each(['principal', 'tenant'])(
    '%s: clients of one share one, which is told that nobody can be asked',
    async (name) => {
      const peers = [...(await two('legacy', ABLE)), ...(await two('modern', ABLE))]
      const found = await both(peers, name)
      expect(new Set(found.map(({ pid }) => pid)).size).toBe(1)
      expect(found[0]?.capabilities).toEqual({})
      const asked = await callAnswering(
        peers[0] as Peer,
        ['tools/call', { name: `${name}__ask` }],
        () => {
          throw new Error('was asked')
        },
      )
      expect(JSON.parse(textOf(asked.response))).toMatchObject({ code: -32601 })
    },
  )

  it('the end of a session ends its process', async () => {
    const [peer] = (await two('legacy', ABLE)) as [Peer]
    const { pid } = await who(peer, 'auto')
    expect(isRunning(pid)).toBe(true)
    await end(peer)
    await gone(pid)
  })

  it.each(ERAS)('a process of its own can ask its %s client during a call', async (era) => {
    const [peer] = (await two(era, ABLE)) as [Peer]
    const { response } = await callAnswering(peer, ['tools/call', { name: 'auto__ask' }], () => ({
      action: 'accept',
      content: {},
    }))
    expect(JSON.parse(textOf(response))).toEqual({ action: 'accept', content: {} })
  })

  it('one that works on several calls of a session asks on the stream of one of them', async () => {
    const [peer] = (await two('legacy', ABLE)) as [Peer]
    const yes = () => ({ action: 'accept', content: {} })
    const both = await Promise.all(
      [0, 1].map(() => callAnswering(peer, ['tools/call', { name: 'auto__ask' }], yes)),
    )
    expect(both.map(({ response }) => textOf(response))).toEqual(
      Array(2).fill('{"action":"accept","content":{}}'),
    )
  })

  it('what it asks outside of calls comes to its session’s own stream, and to no other', async () => {
    const peers = (await two('legacy', ABLE)) as [Peer, Peer]
    const over = new AbortController()
    const heard: unknown[] = []
    for (const [index, peer] of peers.entries())
      void (async () => {
        for await (const { id, method } of messagesOf(peer, undefined, over.signal)) {
          heard.push([index, method])
          await reply(peer, id, { action: 'decline' })
        }
      })().catch(() => {})
    expect(textOf(await peers[1].call('auto__later'))).toBe('"answered"')
    await expect.poll(() => heard).toEqual([[1, 'elicitation/create']])
    over.abort()
  })

  it('what it asks outside of calls holds the generation whose policies are to see the answer', async () => {
    const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
    const { runtime } = gateway.gateway.state()
    const over = new AbortController()
    const asked = Promise.withResolvers<RpcMessage['id']>()
    void (async () => {
      for await (const { id } of messagesOf(peer, undefined, over.signal)) asked.resolve(id)
    })().catch(() => {})
    expect(textOf(await peer.call('auto__later'))).toBe('"answered"')
    const id = await asked.promise
    let drained = false
    const whole = runtime.drained().then(() => {
      drained = true
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(drained).toBe(false)
    await reply(peer, id, { action: 'decline' })
    await whole
    over.abort()
  })
})

it('pool.max: one that nobody uses makes room, and one in use does not', async () => {
  await using gateway = await runGateway({ servers: [asking('s', { max: 1 })] })
  const open = () => connect('legacy', gateway.url, { capabilities: ABLE })
  const [first, second] = [await open(), await open()]
  const { pid } = await who(first, 's')
  expect((await who(second, 's')).pid).not.toBe(pid)
  await gone(pid)
  const slow = second.request('tools/call', { name: 's__slow', arguments: { ms: 1000 } })
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect((await first.call('s__who')).error?.data?.code).toBe('UPSTREAM_UNAVAILABLE')
  expect(textOf((await slow).response)).toBe('"slow"')
})

it('pool.idle_stop: one that nobody used is ended, and started again when it is needed', async () => {
  await using gateway = await runGateway({ servers: [asking('s', { idle_stop: '300ms' })] })
  const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
  const { pid } = await who(peer, 's')
  await gone(pid)
  expect((await who(peer, 's')).pid).not.toBe(pid)
})

it('the end of the gateway ends every process', async () => {
  const gateway = await runGateway({ servers: [asking('s', {})] })
  const peers = await Promise.all(
    [0, 1, 2].map(() => connect('legacy', gateway.url, { capabilities: ABLE })),
  )
  const pids = (await Promise.all(peers.map((peer) => who(peer, 's')))).map(({ pid }) => pid)
  expect(new Set(pids).size).toBe(3)
  await gateway.stop({ now: true })
  expect(pids.filter(isRunning)).toEqual([])
})

it('a session that ends while its call is on the way leaves no process behind', async () => {
  let pass: (() => void) | undefined
  await using gateway = await runGateway({ servers: [asking('s', {})] }, [
    {
      name: 'waits',
      hooks: {
        tool_pre_invoke: () =>
          new Promise((resolve) => {
            pass = () => resolve(undefined)
          }),
      },
    },
  ])
  const before = children()
  const peer = await connect('legacy', gateway.url, { capabilities: ABLE })
  const call = peer.request('tools/call', { name: 's__who' })
  await expect.poll(() => pass).toBeDefined()
  await end(peer)
  pass?.()
  expect((await call).response?.error?.data?.code).toBe('DISPATCH_ABORTED')
  expect(children()).toBe(before)
})

it('nothing is opened for a session that has ended, whoever asks for it late', async () => {
  const opened: string[] = []
  const link = { era: 'legacy' }
  const own = { per: 'session', link() {}, open: async (key: string) => void opened.push(key) }
  const upstream = { nearest: () => link, own } as unknown as Upstream
  const call = (ended: boolean) => {
    const exchange = { identity: { era: 'legacy' }, request: { aborted: false } }
    return { exchange, session: { id: 's', ended, capabilities: {} } } as unknown as Call
  }
  await linkFor(call(false), upstream)
  expect(opened).toEqual(['session s'])
  expect(() => linkFor(call(true), upstream)).toThrow(/went away/)
  expect(opened).toHaveLength(1)
})

/** How many processes this one has that are servers. */
function children(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length
}
