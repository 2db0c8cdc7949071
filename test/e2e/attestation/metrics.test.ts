// What a real gateway counts about attestation, asserted by value: servers, decisions, times, replays, drift, anchors and collateral.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeChip } from '../../attest/synthetic/snp.ts'
import { liveAuthority, pemOf } from './authority.ts'
import { listServer } from './lists.ts'
import { attestedServer, type TestServer } from './server.ts'
import { policyOf, snpSource } from './snp.ts'
import { type World, world } from './world.ts'

const authority = liveAuthority()
const chip = makeChip({ product: 'Milan' })
const FOREVER = { ttl: '1h', reattest: { interval: '30m', jitter: '0%' } }
/** Before any server was there. */
const BEGAN = Date.now()
const LABELS = 'policy="prod",evidence_type="sev-snp"'

/** The value of one series; undefined: there is none. */
function seriesIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe('four servers, of which three attest', () => {
  const open: AsyncDisposable[] = []
  const servers: Record<string, TestServer> = {}
  let made: World
  beforeAll(async () => {
    const lists = await listServer()
    open.push(lists)
    lists.serve(authority.crl([]))
    for (const name of ['one', 'two', 'three', 'debug']) {
      const server = await attestedServer({
        serverId: name,
        ...authority.leaf({ crl: lists.url }),
        sources: [snpSource(chip, name === 'debug' ? { policy: 1 << 19 } : {})],
      })
      open.push(server)
      servers[name] = server
    }
    made = await world({
      servers: Object.entries(servers).map(([name, { url }]) => ({
        name,
        url,
        attestation: 'prod',
      })),
      attestation: {
        anchors: { live: { pem: authority.pem, not_after: '2100-01-01' } },
        roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
      },
      policies: [
        policyOf({
          tls: { revocation: { mode: 'require', sources: ['crl'] } },
          snp: { reference: { measurement: ['rv:build', 'rv:next'] } },
          top: {
            reference_values: {
              'rv:build': { values: [`sha384:${'4d'.repeat(48)}`] },
              'rv:next': { values: [`sha384:${'4e'.repeat(48)}`] },
            },
          },
          result: FOREVER,
        }),
      ],
    })
    open.push(made)
  }, 40_000)
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  const read = async (series: string) => seriesIn(await made.metrics(), series)
  const decided = (decision: string, reason: string) =>
    read(
      `portcullis_attestation_decisions_total{${LABELS},decision="${decision}",reason="${reason}"}`,
    )
  const again = (name: string) =>
    made.gateway.gateway.attestation.attest(name, { newHardware: false })

  it('0.75 of the servers hold a valid attestation', async () => {
    const count = (attestation: string) =>
      read(`portcullis_registered_servers{attestation="${attestation}"}`)
    const all = await Promise.all(
      ['valid', 'identity_only', 'expired', 'none', 'quarantined'].map(count),
    )
    expect(all).toEqual([3, 0, 0, 0, 1])
    expect((all[0] ?? 0) / all.reduce<number>((sum, each) => sum + (each ?? 0), 0)).toBe(0.75)
  })

  it('each decision is counted once, under its reason', async () => {
    expect(await decided('accept', 'none')).toBe(3)
    expect(await decided('deny', 'evidence.debug')).toBe(1)
    await again('debug')
    expect(await decided('deny', 'evidence.debug')).toBe(2)
    expect(await decided('accept', 'none')).toBe(3)
    const lines = (await made.metrics()).split('\n')
    const decisions = lines.filter((line) =>
      line.startsWith('portcullis_attestation_decisions_total{'),
    )
    expect(decisions).toHaveLength(2)
  })

  it('the mean of what an attestation takes is the sum over the count', async () => {
    const text = await made.metrics()
    const name = 'portcullis_attestation_duration_seconds'
    const sum = seriesIn(text, `${name}_sum{stage="total"}`) ?? 0
    const count = seriesIn(text, `${name}_count{stage="total"}`) ?? 0
    expect(count).toBe(5)
    // what the audit says of the parts that were measured apart
    await expect.poll(async () => (await made.audit('attestation')).length).toBe(5)
    const parts = (await made.audit('attestation')).map(({ details }) => {
      const { duration } = details as { duration: { verify: number; appraise: number } }
      return duration
    })
    const total = (part: 'verify' | 'appraise') =>
      parts.reduce((all, each) => all + each[part], 0) / 1000
    for (const part of ['verify', 'appraise'] as const) {
      expect(seriesIn(text, `${name}_count{stage="${part}"}`)).toBe(5)
      expect(seriesIn(text, `${name}_sum{stage="${part}"}`)).toBeCloseTo(total(part), 6)
    }
    expect(sum / count).toBeGreaterThan(0)
    expect(sum).toBeGreaterThan(total('verify') + total('appraise'))
    for (const stage of ['tls', 'fetch'])
      expect(seriesIn(text, `${name}_count{stage="${stage}"}`)).toBe(5)
  })

  it('anchors and roots end when their certificates do, or when the configuration says', async () => {
    const anchor = await read('portcullis_trust_anchor_expiry_seconds{anchor="live"}')
    const days = (authority.root.certificate.notAfter - Date.now()) / 86_400_000
    expect((anchor ?? 0) / 86_400).toBeCloseTo(days, 1)
    const root = await read('portcullis_trust_anchor_expiry_seconds{anchor="test-amd"}')
    expect(root).toBeGreaterThan(0)
  })

  it('collateral and results are as old as they are', async () => {
    const text = await made.metrics()
    const age = seriesIn(text, 'portcullis_collateral_age_seconds{source="crl"}') ?? -1
    const result = seriesIn(text, 'portcullis_attestation_result_age_seconds') ?? -1
    const since = (Date.now() - BEGAN) / 1000
    for (const each of [age, result]) {
      expect(each).toBeGreaterThanOrEqual(0)
      expect(each).toBeLessThan(since)
    }
    expect(seriesIn(text, 'portcullis_collateral_fetch_failures_total') ?? 0).toBe(0)
  })

  it('another measurement that is listed is a drift of that server, and of no other', async () => {
    servers.two?.attestWith(snpSource(chip, { measurement: Buffer.alloc(48, 0x4e) }))
    await again('two')
    await again('one')
    expect(made.admission('two').admission).toBe('admitted')
    expect(await read('portcullis_measurement_drift_total{server="two"}')).toBe(1)
    expect(await read('portcullis_measurement_drift_total{server="one"}')).toBeUndefined()
    expect(await decided('accept', 'none')).toBe(5)
    expect((await read('portcullis_attestation_replays_total')) ?? 0).toBe(0)
  })
})
