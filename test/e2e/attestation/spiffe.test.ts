// SPIFFE from the trust bundle to the call, over real TLS on loopback: SVIDs and bundles are those of test authorities.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { bundleOf, type LivePem, liveAuthority, type Pem } from './authority.ts'
import { attestedServer } from './server.ts'
import { type World, world } from './world.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})
function opened<T extends AsyncDisposable>(made: T): T {
  open.push(made)
  return made
}

/** An attempt that a busy machine was too slow for is made again after seconds. */
const LONG = 15_000
vi.setConfig({ testTimeout: 90_000 })

const ID = 'spiffe://prod.test/mcp/files'
const policy = {
  version: 1,
  id: 'prod',
  applies_to: { servers: ['spiffe://prod.test/mcp/*'] },
  tls: {
    anchors: ['prod.test'],
    identity: { any_of: [{ spiffe_trust_domain: 'prod.test' }] },
    revocation: { mode: 'off' },
  },
  result: { ttl: '1h', reattest: { interval: '30m' } },
}

interface SceneOptions {
  readonly leaf: Pem
  readonly bundle: string
  readonly spiffe?: object
  readonly server?: object
  readonly more?: Partial<Parameters<typeof world>[0]>
}

async function scene({ leaf, bundle, spiffe = {}, server: said = {}, more = {} }: SceneOptions) {
  const server = opened(await attestedServer({ serverId: 'files', ...leaf }))
  const made = opened(
    await world({
      servers: [{ name: 'files', url: server.url, spiffe_id: ID, ...said }],
      attestation: { spiffe: { 'prod.test': { file: 'bundle.json', ...spiffe } } },
      policies: [policy],
      files: { 'bundle.json': bundle },
      ...more,
    }),
  )
  return { server, made }
}

async function withBundle(made: World, bundle: string): Promise<void> {
  writeFileSync(join(made.folder, 'bundle.json'), bundle)
  await made.gateway.reload()
}

async function codeIs(made: World, code: string | undefined): Promise<void> {
  const last = async () => (await made.audit('attestation')).at(-1)?.code
  await expect.poll(last, { timeout: LONG }).toBe(code)
}

/** What several gateways, one after the other, keep their knowledge in. */
async function kept() {
  const store = createMemoryStore({ clock: systemClock })
  await store.start()
  return { store, more: { admin: { port: 0, api: true } } }
}

const svid = (authority = liveAuthority(), spiffe = ID): LivePem =>
  authority.leaf({ spiffe, isNamed: false })

describe('a server that says which SVID it has', () => {
  it('is admitted by it under the bundle of its trust domain, and called, whatever its url is named', async () => {
    const authority = liveAuthority()
    const { made } = await scene({ leaf: svid(authority), bundle: bundleOf([authority]) })
    await made.until('files', 'admitted', LONG)
    expect(made.admission('files').reason).toBeUndefined()
    await expect.poll(async () => (await made.call('files')).ok, { timeout: LONG }).toBe(true)
    await expect
      .poll(async () => (await made.audit('attestation')).at(-1)?.details, { timeout: LONG })
      .toMatchObject({
        serverId: ID,
        tls: { anchor: 'prod.test', identity: 'spiffe_trust_domain:prod.test' },
      })
    expect(await made.metrics()).toMatch(/collateral_age_seconds\{source="prod.test"\} \d/)
  })

  it('is admitted under an authority whose certificate fills its last line of PEM', async () => {
    const isFull = ({ pem }: { pem: string }) => /\n.{64}\n-----END/.test(pem)
    let authority = liveAuthority()
    for (let length = 1; !isFull(authority); length++)
      authority = liveAuthority('R'.repeat(1 + (length % 60)))
    const { made } = await scene({ leaf: svid(authority), bundle: bundleOf([authority]) })
    await made.until('files', 'admitted', LONG)
  })

  it.each([
    ['another id of the domain', 'spiffe://prod.test/mcp/other', 'tls.name_mismatch'],
    ['an id below it', `${ID}/more`, 'tls.name_mismatch'],
    ['an id of another domain', 'spiffe://other.test/mcp/files', 'tls.untrusted_anchor'],
  ])('is refused with %s', async (_name, id, reason) => {
    const authority = liveAuthority()
    const { made } = await scene({ leaf: svid(authority, id), bundle: bundleOf([authority]) })
    await made.until('files', 'quarantined', LONG)
    await codeIs(made, reason)
    expect((await made.call('files')).ok).toBe(false)
  })

  it('is refused with its id from an authority that is not in the bundle', async () => {
    const { made } = await scene({ leaf: svid(), bundle: bundleOf([liveAuthority()]) })
    await made.until('files', 'quarantined', LONG)
    await codeIs(made, 'tls.untrusted_anchor')
  })

  it('and the name of its url besides, is refused when the id is another one', async () => {
    const authority = liveAuthority()
    const leaf = authority.leaf({ spiffe: 'spiffe://prod.test/mcp/other' })
    const named = { ...policy, tls: { ...policy.tls, anchors: ['live'], identity: { any_of: [{ dns: 'localhost' }] } } } // biome-ignore format: one line
    const { made } = await scene({
      leaf,
      bundle: bundleOf([]),
      more: {
        policies: [named],
        attestation: { anchors: { live: { pem: authority.pem } } },
      },
    })
    await codeIs(made, 'tls.name_mismatch')
  })
})

describe('a bundle that is another one', () => {
  it('lets authorities take over from one another without a gap', async () => {
    const [old, next] = [liveAuthority('Old'), liveAuthority('Next')]
    const { made, server } = await scene({
      leaf: svid(old),
      bundle: bundleOf([old], { sequence: 1 }),
    })
    await withBundle(made, bundleOf([old, next], { sequence: 2 }))
    await made.until('files', 'admitted', LONG)
    await expect.poll(async () => (await made.call('files')).ok, { timeout: LONG }).toBe(true)
    server.rekey(svid(next))
    // the key is another one: it is attested before it is called again
    await expect.poll(async () => (await made.call('files')).ok, { timeout: LONG }).toBe(true)
    await withBundle(made, bundleOf([next], { sequence: 3 }))
    await made.until('files', 'admitted', LONG)
    await expect.poll(async () => (await made.call('files')).ok, { timeout: LONG }).toBe(true)
  })

  it('quarantines at once who is vouched for by what it no longer holds', async () => {
    const [old, next] = [liveAuthority('Old'), liveAuthority('Next')]
    const { made } = await scene({ leaf: svid(old), bundle: bundleOf([old, next]) })
    await withBundle(made, bundleOf([next]))
    await made.until('files', 'quarantined', LONG)
    await codeIs(made, 'tls.untrusted_anchor')
    expect((await made.call('files')).ok).toBe(false)
  })

  it('quarantines everybody at once when nothing is left in it', async () => {
    const authority = liveAuthority()
    const { made } = await scene({
      leaf: svid(authority),
      bundle: bundleOf([authority], { sequence: 1 }),
    })
    await withBundle(made, bundleOf([], { sequence: 2 }))
    await made.until('files', 'quarantined', LONG)
    expect((await made.call('files')).ok).toBe(false)
  })

  it('is not believed when its sequence is lower, also after a restart', async () => {
    const [old, next] = [liveAuthority('Old'), liveAuthority('Next')]
    const more = await kept()
    const first = await scene({
      leaf: svid(next),
      bundle: bundleOf([next], { sequence: 5 }),
      more,
    })
    await first.made.until('files', 'admitted', LONG)
    await withBundle(first.made, bundleOf([old], { sequence: 4 }))
    await first.made.until('files', 'admitted', LONG)
    expect(await first.made.metrics()).toContain(
      'portcullis_collateral_fetch_failures_total{source="prod.test"} 1',
    )
    const bundle = bundleOf([old], { sequence: 4 })
    const rolledBack = await scene({ leaf: svid(old), bundle, more })
    await rolledBack.made.until('files', 'quarantined', LONG)
    await codeIs(rolledBack.made, 'tls.untrusted_anchor')
  })
})

/** Serves the bundle of a trust domain as a bundle endpoint does. */
async function endpoint(pem: Pem, bundle: () => string) {
  let asked = 0
  const server = createServer({ ...pem, minVersion: 'TLSv1.3' }, (_request, response) => {
    asked++
    response.end(bundle())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return opened({
    url: `https://localhost:${port}/bundle`,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  })
}

describe('a bundle endpoint that shows an SVID', () => {
  const ENDPOINT = 'spiffe://prod.test/bundle'
  const federated = { profile: 'https_spiffe', endpoint_spiffe_id: ENDPOINT }

  it('is asked at once, and what it says takes effect', async () => {
    const [old, next] = [liveAuthority('Old'), liveAuthority('Next')]
    const { url } = await endpoint(svid(old, ENDPOINT), () => bundleOf([next], { sequence: 2 }))
    const { made } = await scene({
      leaf: svid(next),
      bundle: bundleOf([old], { sequence: 1 }),
      spiffe: { ...federated, url },
    })
    await made.until('files', 'admitted', LONG)
    await expect.poll(async () => (await made.call('files')).ok, { timeout: LONG }).toBe(true)
  })

  it('quarantines everybody of its domain by an empty bundle', async () => {
    const authority = liveAuthority()
    const { url } = await endpoint(svid(authority, ENDPOINT), () => bundleOf([], { sequence: 2 }))
    const { made } = await scene({
      leaf: svid(authority),
      bundle: bundleOf([authority], { sequence: 1 }),
      spiffe: { ...federated, url },
    })
    await made.until('files', 'quarantined', LONG)
    expect((await made.call('files')).ok).toBe(false)
  })

  it.each([
    ['another SVID', (authority = liveAuthority()) => svid(authority, `${ENDPOINT}s`)],
    ['the right one from another authority', () => svid(liveAuthority('Live Root'), ENDPOINT)],
    ['a certificate of the web', (authority = liveAuthority()) => authority.leaf()],
  ])('is not believed, and not asked, with %s', async (_name, leafOf) => {
    const [authority, other] = [liveAuthority(), liveAuthority('Other')]
    const { url, asked } = await endpoint(leafOf(authority), () =>
      bundleOf([other], { sequence: 2 }),
    )
    const { made } = await scene({
      leaf: svid(authority),
      bundle: bundleOf([authority], { sequence: 1 }),
      spiffe: { ...federated, url },
    })
    await expect
      .poll(() => made.metrics(), { timeout: LONG })
      .toContain('portcullis_collateral_fetch_failures_total{source="prod.test"} 1')
    await made.until('files', 'admitted', LONG)
    expect(asked()).toBe(0)
  })
})

async function listServer(list: () => Buffer): Promise<string> {
  const lists = createHttpServer((_request, response) => void response.end(list()))
  lists.listen(0, '127.0.0.1')
  await once(lists, 'listening')
  opened({
    async [Symbol.asyncDispose]() {
      lists.close()
    },
  })
  const { port } = lists.address() as AddressInfo
  return `http://127.0.0.1:${port}/list.crl`
}

describe('a revocation list that is another one', () => {
  it('quarantines whom it has long before the next attestation', async () => {
    const authority = liveAuthority()
    let list = authority.crl([], { number: 1 })
    const crl = await listServer(() => list)
    const leaf = authority.leaf({ spiffe: ID, isNamed: false, crl })
    const revocation = { mode: 'require', sources: ['crl'], max_age: '10s' }
    const hourly = { ...policy, tls: { ...policy.tls, revocation } }
    const { made } = await scene({
      leaf,
      bundle: bundleOf([authority]),
      more: { policies: [hourly] },
    })
    await made.until('files', 'admitted', LONG)
    list = authority.crl([leaf.issued], { number: 2 })
    await made.until('files', 'quarantined', LONG)
    await codeIs(made, 'tls.revoked')
    expect((await made.call('files')).ok).toBe(false)
  })
})

describe('a revocation list that is older than one seen before', () => {
  it('does not bring a revoked server back, also after a restart', async () => {
    const authority = liveAuthority()
    let list = authority.crl([], { number: 1 })
    const crl = await listServer(() => list)
    const leaf = authority.leaf({ spiffe: ID, isNamed: false, crl })
    const revocation = { mode: 'require', sources: ['crl'], max_age: '1h' }
    const required = { ...policy, tls: { ...policy.tls, revocation } }
    const bundle = bundleOf([authority])
    const more = { ...(await kept()), policies: [required] }
    const first = await scene({ leaf, bundle, more })
    await first.made.until('files', 'admitted', LONG)
    await first.made[Symbol.asyncDispose]()

    list = authority.crl([leaf.issued], { number: 2 })
    const second = await scene({ leaf, bundle, more })
    await second.made.until('files', 'quarantined', LONG)
    await codeIs(second.made, 'tls.revoked')
    await second.made[Symbol.asyncDispose]()

    list = authority.crl([], { number: 1 })
    const third = await scene({ leaf, bundle, more })
    await codeIs(third.made, 'tls.revocation_unknown')
    await third.made.until('files', 'quarantined', LONG)
    expect((await third.made.call('files')).ok).toBe(false)

    // and whoever was never seen is not let in by it either
    await third.made[Symbol.asyncDispose]()
    const servers = [{ name: 'others', url: third.server.url, spiffe_id: ID }]
    const fourth = await scene({ leaf, bundle, more: { ...more, servers } })
    await codeIs(fourth.made, 'tls.revocation_unknown')
    await fourth.made.until('others', 'quarantined', LONG)
  })
})
