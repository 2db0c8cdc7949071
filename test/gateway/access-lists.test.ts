// Pages of a list of which a principal may see a part: full while there is more, in order, each item once, and the same every time.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearer, type Guarded, guarded, no, YES } from './guarded.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

const COUNT = 620
const PAGE = 250
const nameOf = (index: number) => `t${index}`

let recorder: Recorder
let identity: Guarded
let started: Started
/** The checks that plugins were shown: how many targets each had. */
const checks: number[] = []

beforeAll(async () => {
  recorder = await startRecorder({
    tools: Array.from({ length: COUNT }, (_, index) => nameOf(index)),
  })
  identity = guarded()
  const config = {
    servers: [server('rec', recorder.url)],
    virtual_servers: [{ name: 'part', path: '/part', tools: ['rec__*1'] }],
  }
  const hooks = {
    auth_pre_check: ({ targets }: { targets?: readonly unknown[] | undefined }) =>
      void checks.push(targets?.length ?? 0),
  }
  started = await runGateway(config, [{ name: 'counts', hooks }], { identity: identity.room })
})
afterAll(async () => {
  await started?.stop({ now: true })
  await recorder?.close()
})

async function pagesOf(peer: Peer): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | undefined
  do {
    const { response } = await peer.request('tools/list', cursor === undefined ? {} : { cursor })
    const { tools, nextCursor } = (response as { result: object }).result as {
      tools: { name: string }[]
      nextCursor?: string
    }
    pages.push(tools.map(({ name }) => name.replace('rec__', '')))
    cursor = nextCursor
  } while (cursor !== undefined)
  return pages
}

const showing = (isShown: (index: number) => boolean): void => {
  identity.rule = (_principal, _action, { name = '' }) =>
    isShown(Number(name.slice(1))) ? YES : no()
}

const inPages = (names: readonly string[]): (readonly string[])[] =>
  names.length <= PAGE ? [names] : [names.slice(0, PAGE), ...inPages(names.slice(PAGE))]

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, started.url, { headers: bearer('ann') })
  })

  it('whatever is denied, what is left comes in full pages', async () => {
    const rule = fc.record({ step: fc.integer({ min: 1, max: 9 }), from: fc.nat(COUNT), to: fc.nat(COUNT) }) // biome-ignore format: one record
    await fc.assert(
      fc.asyncProperty(rule, async ({ step, from, to }) => {
        const isShown = (index: number) => index % step === 0 && (index < from || index > to)
        showing(isShown)
        const names = Array.from({ length: COUNT }, (_, index) => index)
          .filter(isShown)
          .map(nameOf)
        expect(await pagesOf(peer)).toEqual(inPages(names))
      }),
      { numRuns: 20 },
    )
  })

  it.each([
    ['none', () => false, [0]],
    ['exactly one page', (index: number) => index < PAGE, [PAGE]],
    ['one page, and it is the last', (index: number) => index >= COUNT - PAGE, [PAGE]],
    ['one more than a page', (index: number) => index <= PAGE, [PAGE, 1]],
    ['all', () => true, [PAGE, PAGE, COUNT - 2 * PAGE]],
  ])('%s is shown: no page is announced that would be empty', async (_, isShown, sizes) => {
    showing(isShown)
    expect((await pagesOf(peer)).map(({ length }) => length)).toEqual(sizes)
  })

  it('a page is one check, and there is another only where it fell short', async () => {
    showing(() => true)
    await pagesOf(peer)
    checks.length = 0
    await peer.request('tools/list')
    expect(checks).toEqual([PAGE + 1])
    showing((index) => index === COUNT - 1)
    checks.length = 0
    await peer.request('tools/list')
    expect(checks).toEqual([PAGE + 1, PAGE + 1, COUNT - 2 * (PAGE + 1)])
  })

  it('a cursor goes on for whoever shows it, with what that one may see', async () => {
    showing(() => true)
    const { response } = await peer.request('tools/list')
    const cursor = response?.result?.nextCursor
    identity.rule = (principal, _action, { name }) =>
      principal.id === 'bob' && name !== nameOf(300) ? no() : YES
    const bob = await connect(era, started.url, { headers: bearer('bob') })
    const seen = await bob.request('tools/list', { cursor })
    expect(seen.response?.result?.tools).toMatchObject([{ name: 'rec__t300' }])
    expect(seen.response?.result).not.toHaveProperty('nextCursor')
  })

  it('on a virtual server it is a part of its part', async () => {
    showing((index) => index < 30)
    const part = await connect(era, new URL('/part', started.url).href, { headers: bearer('ann') })
    expect(await pagesOf(part)).toEqual([['t1', 't11', 't21']])
  })
})
