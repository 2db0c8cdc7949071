// docs/pipeline.md section 9: one context per request, shared by all its points; labels, state and what plugins share.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deny, type PluginContext } from '../../src/plugin.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let gateway: Started
let seen: Record<string, unknown>[]
type Act = (point: string, ctx: PluginContext) => unknown
let first: Act
let second: Act

const nothing: Act = () => undefined
const entry = (name: string, act: () => Act): CodeEntry => ({
  name,
  hooks: {
    http_pre_request: (_, ctx) => void act()('http_pre', ctx),
    tool_pre_invoke: (_, ctx) => act()('tool_pre', ctx) as never,
    tool_post_invoke: (_, ctx) => void act()('tool_post', ctx),
    http_post_request: (_, ctx) => void act()('http_post', ctx),
  },
})

beforeAll(async () => {
  recorder = await startRecorder()
  gateway = await runGateway(
    { servers: [server('rec', recorder.url, { tags: ['blue'], environment: 'prod' })] },
    [entry('first', () => first), entry('second', () => second)],
  )
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await recorder?.close()
})
beforeEach(() => {
  seen = []
  first = nothing
  second = nothing
})

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  beforeAll(async () => {
    first = nothing
    second = nothing
    peer = await connect(era, gateway.url, { client: { name: `identity-${era}`, version: '2' } })
  })

  it('all points of a request see one request id, which the client finds in x-request-id and in the violation', async () => {
    first = (point, { requestId }) => {
      seen.push({ point, requestId })
      return point === 'tool_pre' ? deny({ code: 'NO', reason: 'no' }) : undefined
    }
    const answer = await peer.request('tools/call', { name: 'rec__echo' })
    const ids = new Set(seen.map(({ requestId }) => requestId))
    expect(seen.map(({ point }) => point)).toEqual(['http_pre', 'tool_pre', 'http_post'])
    expect([...ids]).toEqual([answer.headers.get('x-request-id')])
    expect(answer.response?.result?._meta).toMatchObject({
      'portcullis/violation': { requestId: [...ids][0] },
    })
  })

  it('what is known grows from point to point: era, method, client, server', async () => {
    first = (point, { era: known, method, client, server: owner, principal, surface }) => {
      seen.push({
        point,
        known,
        method,
        client: client?.name,
        owner: owner?.name,
        principal: principal.kind,
        surface,
      })
    }
    await peer.request('tools/call', { name: 'rec__echo' })
    const client = era === 'legacy' ? 'portcullis-test' : 'identity-modern'
    const full = {
      known: era,
      method: 'tools/call',
      client,
      owner: 'rec',
      principal: 'anonymous',
      surface: 'http',
    }
    expect(seen[0]).toMatchObject({
      point: 'http_pre',
      method: '',
      principal: 'anonymous',
      surface: 'http',
    })
    expect(seen.slice(1)).toEqual([
      { point: 'tool_pre', ...full },
      { point: 'tool_post', ...full },
      { point: 'http_post', ...full },
    ])
  })

  it('each entry has its own state per request, written at pre and read at post', async () => {
    const keep =
      (name: string): Act =>
      (point, { state }) => {
        seen.push({ name, point, before: state.own })
        if (point === 'tool_pre') state.own = name
      }
    first = keep('first')
    second = keep('second')
    await peer.call('rec__echo')
    const post = seen.filter(({ point }) => point === 'tool_post')
    expect(post.map(({ name, before }) => [name, before])).toEqual([
      ['first', 'first'],
      ['second', 'second'],
    ])
    seen = []
    await peer.call('rec__echo')
    expect(seen.filter(({ point }) => point === 'http_pre').map(({ before }) => before)).toEqual([
      undefined,
      undefined,
    ])
  })

  it('what a plugin shares stands under its own id, for the others to read', async () => {
    first = (point, { shared }) => {
      if (point === 'tool_pre') shared.set({ score: 7 })
    }
    second = (point, { shared }) => {
      seen.push({ point, first: shared.get('first'), own: shared.get('second') })
    }
    await peer.call('rec__echo')
    expect(seen).toContainEqual({ point: 'tool_pre', first: { score: 7 }, own: {} })
    expect(seen).toContainEqual({ point: 'http_pre', first: {}, own: {} })
  })

  it('a label of the request ends with it; a label of the session stays and only grows', async () => {
    first = (point, ctx) => {
      seen.push({ point, labels: [...ctx.labels].sort() })
      if (point !== 'tool_pre') return
      ctx.addLabel(`request-${era}`)
      ctx.addLabel(`session-${era}`, 'session')
    }
    await peer.call('rec__echo')
    expect(seen.at(-1)?.labels).toEqual([`request-${era}`, `session-${era}`])
    seen = []
    await peer.call('rec__echo')
    expect(seen.find(({ point }) => point === 'tool_pre')?.labels).toEqual([`session-${era}`])
    seen = []
    const other = await connect(era, gateway.url, {
      client: { name: 'somebody else', version: '1' },
    })
    await other.call('rec__echo')
    expect(seen.find(({ point }) => point === 'tool_pre')?.labels).toEqual([])
  })

  it('the trace of the client’s header reaches the plugins and, in _meta, the server; one in _meta stays as it is', async () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
    first = (_, { trace }) => void seen.push({ trace: trace?.traceparent.slice(3, 35) })
    await peer.request('tools/call', { name: 'rec__echo' }, { headers: { traceparent } })
    expect(new Set(seen.map(({ trace }) => trace))).toEqual(new Set(['ab'.repeat(16)]))
    const metaOf = () =>
      recorder.calls('tools/call').at(-1)?.message.params?._meta as { traceparent?: string }
    expect(metaOf().traceparent?.slice(3, 35)).toBe('ab'.repeat(16))
    const own = `00-${'12'.repeat(16)}-${'34'.repeat(8)}-00`
    await peer.request('tools/call', { name: 'rec__echo', _meta: { traceparent: own } })
    expect(metaOf().traceparent).toBe(own)
  })
})
