// Bundle endpoints over real TLS on loopback: by the web PKI through the egress, by their SVID on a connection of their own.
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { bundlesOf, readBundles } from '../../../src/app/attestation/bundles.ts'
import { createKeptBundles } from '../../../src/attest/spiffe/kept-bundles.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { createEgress } from '../../../src/egress/egress.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { bundleOf, liveAuthority, type Pem } from '../../e2e/attestation/authority.ts'
import { temporaryDirectory } from '../../support/directory.ts'

const open: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function serving({ cert, key }: Pem, answer: RequestListener) {
  let asked = 0
  const server = createServer({ cert, key }, (request, response) => {
    asked++
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { url: `https://localhost:${port}/bundle`, asked: () => asked }
}

const web = liveAuthority('Web')
const domain = liveAuthority('Domain')

async function opened(
  spiffe: Parameters<typeof readBundles>[0]['spiffe'],
  { fetch = true, allowed = ['localhost'] } = {},
) {
  const egress = createEgress({
    allowedHosts: allowed,
    clock: systemClock,
    log: silentLogger,
    ca: web.pem,
  })
  open.push(() => egress.close())
  const store = createMemoryStore({ clock: systemClock })
  await store.start()
  const failed: string[] = []
  const bundles = await bundlesOf(await readBundles({ spiffe, collateral: { fetch } }), {
    kept: createKeptBundles(store),
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    egress,
    failed: (trustDomain) => failed.push(trustDomain),
    changed: () => {},
  })
  open.push(() => bundles.close())
  return { bundles, failed, sequence: () => bundles.bundleOf('prod.test')?.sequence }
}
const webly = (url: string) => ({ 'prod.test': { url, profile: 'https_web' as const } })

describe('an endpoint by the web PKI', () => {
  it('gives the bundle of the domain that it was configured for', async () => {
    const { url } = await serving(web.leaf(), (_request, response) => {
      response.end(bundleOf([domain], { sequence: 3 }))
    })
    const { bundles, sequence } = await opened(webly(url))
    expect(sequence()).toBe(3)
    const { der } = domain.root.certificate
    expect(bundles.anchors()).toEqual([{ name: 'prod.test', der, trustDomain: 'prod.test' }])
  })

  it('cannot send the gateway elsewhere, not even to itself', async () => {
    const { url, asked } = await serving(web.leaf(), (request, response) => {
      if (request.url === '/bundle') response.writeHead(302, { location: '/other' }).end()
      else response.end(bundleOf([domain], { sequence: 3 }))
    })
    const { sequence, failed } = await opened(webly(url))
    expect([sequence(), failed, asked()]).toEqual([undefined, ['prod.test'], 1])
  })

  it.each([
    ['whose certificate is of no authority of the web', liveAuthority().leaf(), {}],
    ['at a host that network.allowed_hosts does not name', web.leaf(), { allowed: ['other'] }],
    ['that nobody may ask, because nothing is fetched', web.leaf(), { fetch: false }],
  ])('%s is not asked', async (_name, leaf, options) => {
    const { url, asked } = await serving(leaf, (_request, response) => {
      response.end(bundleOf([domain]))
    })
    const { bundles } = await opened(webly(url), options)
    expect([bundles.anchors(), asked()]).toEqual([[], 0])
  })
})

describe('an endpoint by its SVID', () => {
  const ID = 'spiffe://other.test/bundles'

  it('is checked by the bundle of the domain of that SVID, which may be another one', async () => {
    const other = liveAuthority('Other')
    const { url } = await serving(
      other.leaf({ spiffe: ID, isNamed: false }),
      (_request, response) => void response.end(bundleOf([domain], { sequence: 2 })),
    )
    await using folder = await temporaryDirectory({
      'other.json': bundleOf([other]),
      'prod.json': bundleOf([], { sequence: 1 }),
    })
    const { sequence } = await opened({
      'prod.test': {
        file: `${folder.path}/prod.json`,
        url,
        profile: 'https_spiffe',
        endpoint_spiffe_id: ID,
      },
      'other.test': { file: `${folder.path}/other.json`, profile: 'https_web' },
    })
    await expect.poll(sequence, { timeout: 5000 }).toBe(2)
  })
})

describe('a file', () => {
  it.each([
    ['that is no bundle', '[]', 'attestation.spiffe.prod.test: SPIFFE bundle: no JSON object'],
    ['without keys', '{}', 'attestation.spiffe.prod.test: SPIFFE bundle: no keys'],
  ])('%s is refused with the configuration', async (_name, text, message) => {
    await using folder = await temporaryDirectory({ 'bundle.json': text })
    const file = `${folder.path}/bundle.json`
    const spiffe = { 'prod.test': { file, profile: 'https_web' as const } }
    await expect(readBundles({ spiffe, collateral: { fetch: true } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message,
    })
  })
})
