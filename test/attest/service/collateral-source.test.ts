// Where collateral comes from, over a real HTTP server on loopback.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { CollateralNeed } from '../../../src/attest/collateral.ts'
import {
  type CollateralFetch,
  createCollateralSource,
} from '../../../src/attest/service/collateral-source.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serving(answer: (path: string) => string | undefined) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const body = answer(path)
    response.statusCode = body === undefined ? 503 : 200
    response.end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => server.close())
  return { asked, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const fetchOf: CollateralFetch = async (url) => {
  const response = await fetch(url)
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  return { bytes: new Uint8Array(await response.arrayBuffer()), headers: {} }
}

function source(
  supplied: ReadonlyMap<string, { bytes: Uint8Array; receivedAt: number }> = new Map(),
) {
  const time = { now: 1_000_000 }
  const failures: string[] = []
  const made = createCollateralSource({
    fetch: fetchOf,
    supplied,
    clock: { wall: () => time.now },
    refresh: 60_000,
    failed: (kind, host) => failures.push(`${kind} ${host}`),
  })
  return { ...made, time, failures }
}

const need = (id: string, ...urls: string[]): CollateralNeed => ({
  id,
  kind: 'crl',
  urls,
  required: true,
})
const textOf = (document: { bytes: Uint8Array } | undefined) =>
  document && Buffer.from(document.bytes).toString()

describe('the source of collateral', () => {
  it('fetches a document once and again when it is older than wanted', async () => {
    const { base, asked } = await serving(() => 'one')
    const { get, time } = source()
    const wanted = [need('crl:a', `${base}/a`)]
    await Promise.all([get(wanted), get(wanted)])
    time.now += 59_999
    expect(textOf((await get(wanted)).get('crl:a'))).toBe('one')
    expect(asked).toEqual(['/a'])
    time.now += 1
    await get(wanted)
    expect(asked).toEqual(['/a', '/a'])
  })

  it('goes on to the next place, and says what failed without a path', async () => {
    const { base } = await serving((path) => (path === '/b' ? 'two' : undefined))
    const { get, failures } = source()
    expect(textOf((await get([need('crl:a', `${base}/a`, `${base}/b`)])).get('crl:a'))).toBe('two')
    expect(failures).toEqual(['crl 127.0.0.1'])
  })

  it('hands on what it has when there is nothing newer: its own time decides', async () => {
    let up = true
    const { base } = await serving(() => (up ? 'old' : undefined))
    const { get, time, oldest } = source()
    const wanted = [need('crl:a', `${base}/a`)]
    await get(wanted)
    up = false
    time.now += 120_000
    expect((await get(wanted)).get('crl:a')).toMatchObject({ receivedAt: 1_000_000 })
    expect([...oldest()]).toEqual([['crl', 1_000_000]])
  })

  it('has nothing where nothing can be had', async () => {
    const { base } = await serving(() => undefined)
    const { get } = source()
    expect((await get([need('crl:a', `${base}/a`), need('crl:b')])).size).toBe(0)
  })

  it('uses what the operator supplied and fetches nothing then', async () => {
    const { base, asked } = await serving(() => 'fetched')
    const given = { bytes: Buffer.from('given'), receivedAt: 5 }
    const { get } = source(new Map([['crl:a', given]]))
    expect(textOf((await get([need('crl:a', `${base}/a`)])).get('crl:a'))).toBe('given')
    expect(asked).toEqual([])
  })

  it('uses the one list that was supplied of an issuer for whichever part of it is asked for', async () => {
    const given = { bytes: Buffer.from('given'), receivedAt: 5 }
    const { get } = source(new Map([['crl:a', given]]))
    expect(
      textOf((await get([need('crl:a:0123456789abcdef')])).get('crl:a:0123456789abcdef')),
    ).toBe('given')
    expect((await get([need('crl:b:0123456789abcdef')])).size).toBe(0)
  })

  it('is not said for others by whoever names the same id at another place', async () => {
    const { base } = await serving((path) => path)
    const { get } = source()
    const found = async (path: string) =>
      textOf((await get([need('crl:a', `${base}${path}`)])).get('crl:a'))
    expect(await found('/evil')).toBe('/evil')
    expect(await found('/good')).toBe('/good')
    // not even while the other one is under way
    expect(await Promise.all([found('/first'), found('/second')])).toEqual(['/first', '/second'])
  })

  it('comes for the others when whoever asked first goes away', async () => {
    const { base, asked } = await serving(() => 'one')
    const { get } = source()
    const first = new AbortController()
    const given = get([need('crl:a', `${base}/a`)], first.signal)
    const other = get([need('crl:a', `${base}/a`)])
    first.abort()
    expect((await given).size).toBe(0)
    expect(textOf((await other).get('crl:a'))).toBe('one')
    expect(asked).toEqual(['/a'])
  })

  it('fetches nothing for somebody who has gone', async () => {
    const { base, asked } = await serving(() => 'one')
    const { get } = source()
    expect((await get([need('crl:a', `${base}/a`)], AbortSignal.abort())).size).toBe(0)
    expect(asked).toEqual([])
  })
})
