// One attestation from beginning to end with the sockets of a test: who waits for whom, and what is remembered of which server.
import { describe, expect, it } from 'vitest'
import { createAdmittedMemory } from '../../../src/attest/admission/admitted.ts'
import type { AppraisalResult } from '../../../src/attest/appraisal/result.ts'
import { Denial } from '../../../src/attest/denial.ts'
import type { Claims } from '../../../src/attest/evidence/evidence.ts'
import { createChallenges } from '../../../src/attest/freshness/challenge.ts'
import { createReplayGuard } from '../../../src/attest/freshness/replay.ts'
import type { AppraisalPolicy } from '../../../src/attest/policy/policy.ts'
import { createSeenNumbers } from '../../../src/attest/service/seen-numbers.ts'
import type { AttestedServer } from '../../../src/attest/service/server.ts'
import { createAttestationService } from '../../../src/attest/service/service.ts'
import { targetSha256 } from '../../../src/attest/service/target.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { ManualClock, settle } from '../../engine/support.ts'

const POLICY: AppraisalPolicy = {
  id: 'prod',
  sha256: 'aa',
  mode: 'enforce',
  appliesTo: { servers: ['**'] },
  tls: { anchors: [] },
  evidence: undefined,
  package: undefined,
  references: {},
  result: { ttl: 60_000, interval: 30_000, jitter: 0, on: [] },
}
const CLAIMS: Claims = {
  type: 'aws-iid',
  attests: 'identity',
  version: 'v1',
  size: 1,
  contentSha256: 'cc',
  signerSha256: 'dd',
  anchor: 'aws',
  synthetic: true,
  binding: 'matched',
  tcb: {},
  measurements: {},
  flags: {},
  collateral: [],
}
const ACCEPTED: AppraisalResult = {
  decision: 'accept',
  admits: true,
  mode: 'enforce',
  level: 'identity',
  freshness: 'checked',
  serverId: 'files',
  at: 0,
  expires: 4e12,
  duration: { tls: 0, fetch: 0, verify: 0, appraise: 0 },
  evidence: [],
  ignored: [],
  trust: {},
  status: 'none',
  numbered: [],
  matched: [],
  warnings: [],
}
const server = (name: string): AttestedServer => ({
  name,
  id: name,
  transport: 'tls',
  url: `https://${name}.example/mcp`,
  command: undefined,
  cwd: undefined,
  tags: [],
  policy: undefined,
})

function serviceOver(
  refuse: () => Denial | undefined = () => undefined,
  appraise: () => Promise<AppraisalResult> = async () => {
    throw new Denial('internal.error')
  },
) {
  const clock = new ManualClock()
  const store = createMemoryStore({ clock })
  const memory = createAdmittedMemory(store)
  const connected: string[] = []
  const service = createAttestationService({
    frame: { anchors: [], roots: {}, skew: 0, challengeTtl: 1000 },
    policies: [POLICY],
    require: 'all',
    appraiser: {
      needs: async () => ({ needs: [] }),
      appraise,
      activations: async () => {
        throw new Denial('internal.error')
      },
      close: async () => {},
    },
    gather: {
      async connect({ name }) {
        connected.push(name)
        const refusal = refuse()
        if (refusal) throw refusal
        return new Promise(() => {})
      },
      measure: async () => ({ files: [] }),
      challenges: createChallenges({ tickets: store, clock, random: (size) => Buffer.alloc(size) }),
      collateral: { get: async () => new Map() },
    },
    memory,
    seen: createSeenNumbers(store),
    upkeep: { rest() {}, forget() {} },
    replay: createReplayGuard(store),
    clock,
    measures: { decided() {}, took() {}, drifted() {} },
    patience: 45_000,
    told() {},
  })
  return { clock, service, memory, connected }
}

describe('the service', () => {
  it('lets no flood of servers that are about to be written keep an admitted one from being attested', async () => {
    const { clock, service, connected } = serviceOver()
    for (const purpose of ['propose', 'try'] as const)
      for (let n = 0; n < 8; n++)
        void service.attest(server(`${purpose}${n}`), { cause: 'registration', purpose })
    const one = { cause: 'registration', purpose: 'propose' } as const
    const { result } = await service.attest(server('more'), one)
    expect(result).toMatchObject({ decision: 'deny', reason: 'internal.busy', transient: true })
    void service.attest(server('files'), { cause: 'interval', purpose: 'admit' })
    await settle()
    expect(connected).toHaveLength(17)
    expect(connected.at(-1)).toBe('files')
    // those that hang give way
    await clock.advance(25_000)
    void service.attest(server('more'), one)
    await settle()
    expect(connected.at(-1)).toBe('more')
  })

  it('remembers what was shown against a server only of that one', async () => {
    const { service, memory } = serviceOver(() => new Denial('tls.revoked'))
    const files = server('files')
    const kept = {
      spkiSha256: 'bb',
      policySha256: 'aa',
      target: targetSha256(files),
      acceptedAt: 1,
      validUntil: 2,
      claims: [],
      result: {},
    }
    await memory.remember('files', kept, 0)
    const other = { ...files, url: 'https://evil.example/mcp' }
    await service.attest(other, { cause: 'registration', purpose: 'admit' })
    expect((await memory.recall('files')).admitted?.refused).toBeUndefined()
    await service.attest(files, { cause: 'interval', purpose: 'admit' })
    expect((await memory.recall('files')).admitted?.refused).toBe('tls.revoked')
  })

  it('takes a document that carries no challenge as often as it comes, and one that does once', async () => {
    let binding: 'matched' | 'not checked' = 'not checked'
    const { service } = serviceOver(
      () => undefined,
      async () => ({ ...ACCEPTED, evidence: [{ ...CLAIMS, binding }] }),
    )
    const command = { ...server('files'), transport: 'stdio', url: undefined } as const
    const again = async () =>
      (await service.attest(command, { cause: 'interval', purpose: 'admit' })).result
    expect([(await again()).decision, (await again()).decision]).toEqual(['accept', 'accept'])
    binding = 'matched'
    expect((await again()).decision).toBe('accept')
    expect(await again()).toMatchObject({ decision: 'deny', reason: 'evidence.replay' })
  })
})
