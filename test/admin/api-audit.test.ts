// The audit through the admin API: searched, exported as a stream, and bounded in both.
import { afterEach, describe, expect, it } from 'vitest'
import { clients } from './client.ts'

const { start, close } = clients()
afterEach(close)

describe('the audit', () => {
  it('is searched by time and member, page by page', async () => {
    const { as } = await start()
    const query = 'kind=veto&since=2026-11-01T00:00:00Z&until=2026-11-01T00:00:10Z&limit=3'
    const first = await as('operator', { path: `/api/v1/audit?${query}` })
    expect(first.json.items.map(({ time }: { time: string }) => time.slice(17, 19))).toEqual([
      '00',
      '03',
      '06',
    ])
    const path = /<(.*)>/.exec(String(first.headers.link))?.[1] ?? ''
    expect((await as('operator', { path })).json).toMatchObject({
      items: [{ kind: 'veto' }],
      next: null,
    })
    expect((await as('operator', { path: '/api/v1/audit?since=2026-02-30' })).status).toBe(400)
  })

  it('is exported as JSON lines, page by page to its end or its bound', async () => {
    const { as } = await start()
    const all = await as('operator', { path: '/api/v1/audit/export' })
    expect(all.headers['content-type']).toBe('application/jsonl')
    expect(all.text.trimEnd().split('\n')).toHaveLength(450)
    const part = await as('operator', { path: '/api/v1/audit/export?limit=250' })
    const lines = part.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(251)
    const rest = await as('operator', {
      path: `/api/v1/audit/export?cursor=${encodeURIComponent(lines.at(-1).next)}`,
    })
    expect(rest.text.trimEnd().split('\n')).toHaveLength(200)
  })

  it('shows a principal of a tenant the records of its own', async () => {
    const { as } = await start()
    const { text } = await as('acme-admin', { path: '/api/v1/audit/export' })
    expect(text.trimEnd().split('\n')).toHaveLength(50)
  })

  it('is not there where nothing keeps it', async () => {
    const { as } = await start({ audit: undefined })
    for (const path of ['/api/v1/audit', '/api/v1/audit/export'])
      expect((await as('operator', { path })).status).toBe(404)
  })

  it('breaks a stream off rather than let a part look whole', async () => {
    let page = 0
    const { served } = await start({
      audit: {
        search: async () => {
          if (page++ > 0) throw new Error('gone')
          return { items: [{ kind: 'veto' }], next: '1' }
        },
      },
    })
    await expect(
      served.ask({ path: '/api/v1/audit/export', headers: { authorization: 'Bearer admin' } }),
    ).rejects.toThrow()
  })
})
