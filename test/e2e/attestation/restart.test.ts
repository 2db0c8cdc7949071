// What a gateway still knows of attested servers after it was killed, and what two of them know over one database: real processes, real stores.
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { createChallenges } from '../../../src/attest/freshness/challenge.ts'
import { createReplayGuard } from '../../../src/attest/freshness/replay.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { createStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/store.ts'
import { makeChip } from '../../attest/synthetic/snp.ts'
import { makeSchema, noPostgres, type TestSchema } from '../../store/postgres.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { repeating } from './answers.ts'
import { liveAuthority, pemOf } from './authority.ts'
import { type Answering, attestedServer, type TestServer } from './server.ts'
import { makeSite, type SiteGateway } from './site.ts'
import { policyOf, snpSource } from './snp.ts'

if (noPostgres)
  console.log(
    'skipped: attestation over one PostgreSQL: set PORTCULLIS_TEST_POSTGRES to the URL of a server (scripts/postgres.sh starts one)',
  )

// a busy machine takes its time to start processes
vi.setConfig({ testTimeout: 40_000 })

const authority = liveAuthority()
const chip = makeChip({ product: 'Milan' })
const attestation = {
  anchors: { live: { pem: authority.pem } },
  roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
}
const often = policyOf({ top: { id: 'often' } })
const seldom = policyOf({
  top: { id: 'seldom' },
  result: { ttl: '1h', reattest: { interval: '30m', jitter: '0%' } },
})
const SILENT: Answering = (_request, response) => void response.writeHead(503).end()
const OTHER = makeChip({ product: 'Milan', beside: chip, hwid: Buffer.alloc(64, 9) })

const WAIT = { timeout: 20_000, interval: 50 }
const codeIs = (gateway: SiteGateway, server: string, code: string) =>
  vi.waitFor(async () => expect((await gateway.records(server)).at(-1)?.code).toBe(code), WAIT)
const stops = (gateway: SiteGateway, server: string) =>
  vi.waitFor(
    async () => expect((await gateway.call(server)).text).toContain('UPSTREAM_QUARANTINED'),
    WAIT,
  )

describe('a gateway that was killed and started again', () => {
  const open: AsyncDisposable[] = []
  const servers: Record<string, TestServer> = {}
  const of = (name: string) => servers[name] as TestServer
  const called: Record<string, number> = {}
  let again: SiteGateway

  beforeAll(async () => {
    for (const name of ['kept', 'rekeyed', 'refused', 'moved', 'repeats']) {
      const server = await attestedServer({
        serverId: name,
        ...authority.leaf(),
        sources: [snpSource(chip)],
      })
      open.push(server)
      servers[name] = server
    }
    const site = await makeSite({
      servers: Object.entries(servers).map(([name, { url }]) => ({
        name,
        url,
        attestation: name === 'refused' ? 'often' : 'seldom',
      })),
      attestation,
      policies: [often, seldom],
    })
    open.push(site)
    of('repeats').answerWith(repeating(of('repeats').attester()))
    const first = await site.start('gateway')
    for (const name of Object.keys(servers)) expect((await first.call(name)).ok).toBe(true)
    of('refused').attestWith(snpSource(chip, { policy: 1 << 19 }))
    await codeIs(first, 'refused', 'evidence.debug')
    await stops(first, 'refused')
    await first.kill()

    for (const name of ['kept', 'rekeyed', 'refused']) of(name).answerWith(SILENT)
    of('rekeyed').rekey(authority.leaf())
    of('moved').attestWith(snpSource(OTHER))
    for (const [name, server] of Object.entries(servers)) called[name] = server.called()
    again = await site.start('gateway')
  }, 90_000)
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  it('calls a server that it had admitted at once, though that one does not answer its challenge now', async () => {
    expect((await again.call('kept')).ok).toBe(true)
    await codeIs(again, 'kept', 'evidence.unavailable')
    expect((await again.records('kept'))[1]).toMatchObject({ details: { cause: 'restart' } })
    expect((await again.call('kept')).ok).toBe(true)
  })

  it('sends nothing to one that shows another key than before', async () => {
    const { ok, text } = await again.call('rekeyed')
    expect([ok, /UPSTREAM_(?:KEY_CHANGED|QUARANTINED|UNAVAILABLE)/.test(text)]).toEqual([
      false,
      true,
    ])
    expect(of('rekeyed').called()).toBe(called.rekeyed)
  })

  it('keeps one in quarantine that it had refused', async () => {
    expect((await again.call('refused')).text).toContain('UPSTREAM_QUARANTINED')
    await codeIs(again, 'refused', 'evidence.unavailable')
    expect((await again.call('refused')).text).toContain('UPSTREAM_QUARANTINED')
    expect(of('refused').called()).toBe(called.refused)
  })

  it('notices that one is on other hardware', async () => {
    await codeIs(again, 'moved', 'evidence.identity_changed')
    await stops(again, 'moved')
  })

  it('does not take the answer that it was given before', async () => {
    await codeIs(again, 'repeats', 'evidence.nonce_mismatch')
    await stops(again, 'repeats')
  })
})

describe.skipIf(noPostgres)('two gateways over one database', () => {
  const open: AsyncDisposable[] = []
  let schema: TestSchema
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
    await schema?.drop()
  })

  it('both serve what attests, and neither takes an answer that was given to the other', async () => {
    schema = await makeSchema()
    const [honest, liar] = await Promise.all(
      ['honest', 'liar'].map((name) =>
        attestedServer({ serverId: name, ...authority.leaf(), sources: [snpSource(chip)] }),
      ),
    )
    if (!honest || !liar) throw new Error('no servers')
    open.push(honest, liar)
    const site = await makeSite({
      servers: [
        { name: 'honest', url: honest.url, attestation: 'seldom' },
        { name: 'liar', url: liar.url, attestation: 'seldom' },
      ],
      attestation,
      policies: [seldom],
      store: schema.url,
    })
    open.push(site)
    liar.answerWith(repeating(liar.attester()))
    const a = await site.start('a')
    expect([(await a.call('honest')).ok, (await a.call('liar')).ok]).toEqual([true, true])
    const b = await site.start('b')
    expect((await b.call('honest')).ok).toBe(true)
    await codeIs(b, 'liar', 'evidence.nonce_mismatch')
    await stops(b, 'liar')
    await expect
      .poll(async () => (await b.records('honest')).at(-1)?.verdict, { timeout: 20_000 })
      .toBe('admit')
    expect((await b.call('honest')).ok).toBe(true)
    // what one has shown against a server, the other knows when it starts again
    await a.kill()
    liar.answerWith(SILENT)
    const again = await site.start('a')
    expect((await again.call('liar')).text).toContain('UPSTREAM_QUARANTINED')
    expect((await again.call('honest')).ok).toBe(true)
  }, 90_000)
})

interface Kept {
  /** As of a gateway of its own, over what is kept. */
  another(): Promise<Store>
}

const refusal = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'taken',
    (error: unknown) => (error instanceof Denial ? error.reason : error),
  )

function onceSuite(make: () => Promise<Kept>) {
  const times = { ttl: 60_000, skew: 0 }
  const challengesOf = (tickets: Store) =>
    createChallenges({ tickets, clock: systemClock, random: randomBytes })

  it('takes each challenge once, whoever issued it and whoever asks', async () => {
    const kept = await make()
    const issuer = await kept.another()
    const of = { serverId: 'files', targetUrl: 'https://localhost/mcp', policy: 'prod' }
    const issued = await Promise.all(
      Array.from({ length: 5 }, () => challengesOf(issuer).issue(of, times)),
    )
    const others = [issuer, await kept.another()]
    for (const { id } of issued) {
      const answers = await Promise.all(
        [...others, ...others].map((store) => refusal(challengesOf(store).consume(id, 'files'))),
      )
      expect(answers.sort()).toEqual([
        'evidence.replay',
        'evidence.replay',
        'evidence.replay',
        'taken',
      ])
    }
  })

  it('takes each document once, also for another server', async () => {
    const kept = await make()
    const stores = [await kept.another(), await kept.another()]
    const accept = (store: Store, serverId: string) =>
      refusal(
        createReplayGuard(store).accept({
          serverId,
          claims: [{ type: 'sev-snp', contentSha256: 'ab'.repeat(32) }],
          until: Date.now() + 60_000,
        }),
      )
    const answers = await Promise.all(
      stores.flatMap((store) => [accept(store, 'files'), accept(store, 'mail')]),
    )
    expect(answers.sort()).toEqual([
      'evidence.replay',
      'evidence.replay',
      'evidence.replay',
      'taken',
    ])
    expect(await accept(await kept.another(), 'files')).toBe('evidence.replay')
  })
}

describe('challenges and documents', () => {
  const ends: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  async function keptAt(url: string): Promise<Kept> {
    return {
      async another() {
        const store = createStore({ url, pool: 2 }, { clock: systemClock })
        ends.push(() => store.close())
        await store.start()
        return store
      },
    }
  }

  describe('in one file of SQLite', () => {
    onceSuite(async () => {
      const directory = await temporaryDirectory({})
      ends.push(async () => directory[Symbol.asyncDispose]())
      return keptAt(`sqlite:${directory.path}/portcullis.db`)
    })
  })

  describe.skipIf(noPostgres)('in one PostgreSQL', () => {
    onceSuite(async () => {
      const schema = await makeSchema()
      ends.push(() => schema.drop())
      return keptAt(schema.url)
    })
  })
})
