// One server under watch, with a clock of its own: what is asked late, what is made void meanwhile, and a clock that is put back.
import { describe, expect, it } from 'vitest'
import { type Asked, Watch, type Watched } from '../../../src/app/attestation/watch.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { PeerTrust, Upstream } from '../../../src/upstream/client.ts'
import { ManualClock, settle } from '../../engine/support.ts'

const SERVER = {
  name: 'files',
  id: 'files',
  transport: 'tls',
  url: 'https://files.example/mcp',
  command: undefined,
  cwd: undefined,
  tags: [],
  policy: undefined,
} as const
const WATCHED: Watched = {
  server: SERVER,
  rules: { mode: 'enforce', ttl: 60_000, interval: 30_000, jitter: 0 },
  policySha256: 'aa',
  basis: 'one',
}

class PutBackClock extends ManualClock {
  by = 0
  override wall = (): number => 1_700_000_000_000 + this.now() + this.by
}

function watched() {
  const clock = new PutBackClock()
  const pins: (string | undefined)[] = []
  const upstream = {
    name: 'files',
    admission: 'quarantined',
    async admit(admission: string) {
      this.admission = admission
    },
    secure: ({ pin }: PeerTrust) => void pins.push(pin),
  }
  const asked: PromiseWithResolvers<Asked>[] = []
  const watch = new Watch(upstream as unknown as Upstream, WATCHED, {
    clock,
    random: () => 0.5,
    log: silentLogger,
    ask() {
      const one = Promise.withResolvers<Asked>()
      asked.push(one)
      return one.promise
    },
  })
  const accept = async (pin: string) => {
    asked.at(-1)?.resolve({ verdict: 'accepted', until: undefined, trust: { pin } })
    await settle()
  }
  return { clock, pins, upstream, asked, watch, accept }
}

describe('a watch', () => {
  it('ends a result in time although somebody is still being asked', async () => {
    const { clock, upstream, asked, watch, accept } = watched()
    void watch.begin()
    await accept('k1')
    expect(upstream.admission).toBe('admitted')
    await clock.advance(30_000)
    expect([asked.length, upstream.admission]).toEqual([2, 'due'])
    await clock.advance(29_999)
    expect(upstream.admission).toBe('due')
    await clock.advance(1)
    expect(upstream.admission).toBe('quarantined')
  })

  it('pins nothing that was judged by another policy', async () => {
    const { clock, pins, watch, accept } = watched()
    void watch.begin()
    await accept('k1')
    await clock.advance(30_000)
    watch.under({ ...WATCHED, basis: 'two' })
    await accept('k2')
    expect(pins).toEqual(['k1'])
    await accept('k3')
    expect(pins).toEqual(['k1', 'k3'])
  })

  it('lets a result last no longer because the clock on the wall was put back', async () => {
    const { clock, upstream, watch, accept } = watched()
    void watch.begin()
    await accept('k1')
    clock.by = -86_400_000
    await clock.advance(60_000)
    expect(upstream.admission).toBe('quarantined')
  })

  it('has a server that changed who it is prove that first', async () => {
    const { upstream, watch, accept } = watched()
    void watch.begin()
    await accept('k1')
    watch.under({ ...WATCHED, basis: 'two', server: { ...SERVER, id: 'spiffe://x/other' } })
    expect(upstream.admission).toBe('quarantined')
    await settle()
    await accept('k1')
    expect(upstream.admission).toBe('admitted')
  })
})
