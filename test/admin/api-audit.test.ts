// The audit through the admin API: searched, exported as a stream, and bounded in both.
import { afterEach, describe, expect, it } from 'vitest'
import { clients } from './client.ts'
import type { Who } from './world.ts'

const { start, close } = clients()
afterEach(close)

const EXPORT = '/api/v1/audit/export'

describe('the audit', () => {
  it('is searched by time and member, the youngest first, page by page', async () => {
    const { as } = await start()
    const query = 'kind=veto&since=2026-11-01T00:00:00Z&until=2026-11-01T00:00:10Z&limit=3'
    const first = await as('operator', { path: `/api/v1/audit?${query}` })
    const seconds = first.json.items.map(({ time }: { time: string }) => time.slice(17, 19))
    expect(seconds).toEqual(['09', '06', '03'])
    const path = /<(.*)>/.exec(String(first.headers.link))?.[1] ?? ''
    expect((await as('operator', { path })).json).toMatchObject({
      items: [{ time: '2026-11-01T00:00:00.000Z', kind: 'veto' }],
      next: null,
    })
    expect((await as('operator', { path: '/api/v1/audit?since=2026-02-30' })).status).toBe(400)
  })

  it('is exported as JSON lines, the oldest first, to its end or to a bound that shows', async () => {
    const { as } = await start()
    const all = await as('operator', { path: EXPORT })
    expect(all.headers['content-type']).toBe('application/jsonl')
    expect(all.text.trimEnd().split('\n')).toHaveLength(450)
    const exact = await as('operator', { path: `${EXPORT}?limit=450` })
    expect(exact.text).toBe(all.text)
    const part = await as('operator', { path: `${EXPORT}?limit=2&kind=veto` })
    expect(part.text.trimEnd().split('\n')).toEqual([
      '{"time":"2026-11-01T00:00:00.000Z","kind":"veto"}',
      '{"time":"2026-11-01T00:00:03.000Z","kind":"veto"}',
      '{"truncated":true}',
    ])
  })

  it('shows a principal of a tenant the records of its own', async () => {
    const { as } = await start()
    const lines = async (who: Who) => (await as(who, { path: EXPORT })).text.split('\n').length - 1
    expect([await lines('acme-admin'), await lines('rival-admin'), await lines('admin')]).toEqual([
      50, 0, 450,
    ])
    const { json } = await as('acme-admin', { path: '/api/v1/audit?kind=execution' })
    expect(json.items).toEqual([])
  })

  it('is not there where nothing keeps it', async () => {
    const { as } = await start({ audit: undefined })
    for (const path of ['/api/v1/audit', EXPORT])
      expect((await as('operator', { path })).status).toBe(404)
  })

  it('answers a fault before the first record as a problem, and breaks off after it', async () => {
    let records = 0
    const audit = {
      search: () => Promise.reject(new Error('gone')),
      async *export() {
        for (let at = 0; at < records; at++) yield { kind: 'veto' }
        throw new Error('gone')
      },
    }
    const { as } = await start({ audit })
    expect((await as('admin', { path: EXPORT })).json.code).toBe('INTERNAL')
    records = 3
    // a part must not look whole
    await expect(as('admin', { path: EXPORT })).rejects.toThrow()
  })

  it('lets go of its source when whoever reads goes away', async () => {
    let released = false
    const line = { text: 'x'.repeat(100_000) }
    const audit = {
      search: () => Promise.reject(new Error('not asked')),
      async *export() {
        try {
          for (;;) yield line
        } finally {
          released = true
        }
      },
    }
    const { served } = await start({ audit })
    const going = new AbortController()
    const answer = await fetch(`http://127.0.0.1:${served.port}${EXPORT}?limit=100000`, {
      headers: { authorization: 'Bearer admin' },
      signal: going.signal,
    })
    expect(answer.status).toBe(200)
    going.abort()
    await expect.poll(() => released).toBe(true)
  })
})
