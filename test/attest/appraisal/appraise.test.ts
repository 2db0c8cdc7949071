// The appraisal of a genuine quote by policies as people write them: the order of the checks, what each rule refuses, and what a result holds.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { appraise } from '../../../src/attest/appraisal/appraise.ts'
import { needsOf } from '../../../src/attest/appraisal/needs.ts'
import type { AppraisalRequest } from '../../../src/attest/appraisal/result.ts'
import { IMAGE, MRTD, policyOf, RTMR1, tdxPolicy } from '../policy/world.ts'
import {
  AT,
  appraised,
  ENDORSEMENTS,
  LEAF,
  QUOTE,
  REPORT_DATA,
  requestOf,
  TDX,
  using,
  verdictOf,
} from './world.ts'

const POLICY = policyOf(tdxPolicy())
const said = (changes: Partial<AppraisalRequest>, policy = POLICY) =>
  verdictOf(appraised(policy, changes))
const envelope = (changes: object = {}): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      v: 1,
      challenge_id: 'challenge-1',
      server_id: 'files',
      binding: ['spki'],
      evidence: [
        {
          cmw: ['application/vnd.portcullis.tdx-quote', QUOTE.toString('base64url'), 4],
          endorsements: ENDORSEMENTS,
        },
      ],
      ...changes,
    }),
  )

describe('a genuine document that the policy wants', () => {
  it('admits, and the result says what was shown, by what, and until when', () => {
    const result = appraised(POLICY, { fetched: 12, previous: { tdx: { mrtd: MRTD } } })
    expect(result).toMatchObject({
      decision: 'accept',
      admits: true,
      mode: 'enforce',
      level: 'platform',
      freshness: 'checked',
      policyId: 'confidential',
      policySha256: POLICY.sha256,
      serverId: 'files',
      challengeId: 'challenge-1',
      at: AT,
      expires: AT + 6 * 3_600_000,
      duration: { tls: 0, fetch: 12, verify: 0, appraise: 0 },
      tls: { protocol: 'TLSv1.3' },
      evidence: [{ type: 'tdx', version: 'v4', binding: 'matched', tcbStatus: 'UpToDate' }],
      trust: { hardware: 2, executables: 2 },
      status: 'affirming',
      matched: ['rv:td'],
      ignored: [],
      previous: { tdx: { mrtd: MRTD } },
    })
    expect(result.tls?.spkiSha256).toMatch(/^[0-9a-f]{64}$/)
    expect(result).not.toHaveProperty('reason')
  })

  it('is measured by stage on the clock that was handed in', () => {
    let now = 0
    const monotonic = () => (now += 5)
    const { duration } = appraise(requestOf(POLICY), { ...using, monotonic })
    expect(duration).toEqual({ tls: 5, verify: 5, appraise: 5, fetch: 0 })
  })

  it('comes in an envelope as well', () => {
    expect(said({ evidence: envelope() })).toBe('accept')
  })

  it('is plain data: it crosses to another thread and back', () => {
    const result = appraised(POLICY)
    expect(structuredClone(result)).toEqual(result)
    expect(appraise(structuredClone(requestOf(POLICY)), using)).toEqual(result)
  })
})

describe('how long a result holds', () => {
  const expires = (policy: string, now = AT) => {
    const challenge = { id: 'challenge-1', issuedAt: now }
    return appraised(policyOf(policy), { now, challenge }).expires
  }

  it('is the ttl where nothing ends before', () => {
    expect(expires(tdxPolicy({ rest: 'result: { ttl: 2h }' }))).toBe(AT + 7_200_000)
  })

  it('is up to the end of the reference value that matched', () => {
    expect(expires(tdxPolicy({ rest: 'result: { ttl: 400d }' }))).toBe(
      Date.parse('2025-06-30T23:59:59.999Z'),
    )
  })

  it('is up to the next update of the collateral that it rests on', () => {
    const text = tdxPolicy({ rest: 'result: { ttl: 400d }' }).replace(
      '    not_after: 2025-06-30\n',
      '',
    )
    // the list of revoked PCK certificates
    expect(expires(text)).toBe(1752919235000)
  })
})

describe('an appraisal is refused', () => {
  it('by the policy that could not be chosen', () => {
    expect(said({ selection: { reason: 'policy.none' } })).toContain('policy.none: ')
    expect(said({ selection: { reason: 'policy.error', detail: 'no policy lab' } })).toBe(
      'policy.error: the appraisal policy cannot be used: no policy lab',
    )
  })

  it('where the server has no TLS and the policy asks for evidence', () => {
    for (const transport of ['plain', 'stdio'] as const)
      expect(said({ server: { id: 'files', transport } })).toContain('policy.transport: ')
  })

  it('without a connection', () => {
    expect(said({ connection: undefined as never })).toContain('tls.unavailable: ')
  })

  it('with a leaf that is no certificate', () => {
    expect(
      said({ connection: { chain: [LEAF.subarray(1)], protocol: 'TLSv1.3', authorized: true } }),
    ).toContain('tls.chain: ')
  })

  it('without evidence, and with evidence of another kind', () => {
    expect(said({ evidence: [] })).toBe(
      'evidence.missing: evidence that the policy requires was not given: tdx',
    )
    expect(said({ evidence: [{ ...TDX, type: 'nitro' }] })).toContain('evidence.missing: ')
  })

  it('for an envelope of another challenge or another server', () => {
    expect(said({ evidence: envelope({ challenge_id: 'challenge-2' }) })).toContain(
      'evidence.nonce_mismatch: ',
    )
    expect(said({ evidence: envelope({ server_id: 'mail' }) })).toContain(
      'evidence.binding_mismatch: ',
    )
  })

  it('for a nonce that is off by one bit', () => {
    const bytes = Uint8Array.from(REPORT_DATA)
    bytes[63] = (bytes[63] as number) ^ 1
    const expected = { value: { kind: 'exact', bytes }, covers: ['spki'] } as const
    expect(said({ expected })).toContain('evidence.nonce_mismatch: ')
  })

  it('for what is not bound to all that the policy asks for', () => {
    const evidence = '  require: { all_of: [tdx] }\n  binding: [spki, exporter]'
    expect(said({}, policyOf(tdxPolicy({ evidence })))).toBe(
      'evidence.binding_mismatch: the evidence names another key, server or connection: exporter',
    )
  })

  it('for a challenge that is too old, and for one that is yet to be', () => {
    const issued = (issuedAt: number) => said({ challenge: { id: 'challenge-1', issuedAt } })
    expect(issued(AT - 120_000)).toBe('accept')
    expect(issued(AT - 120_001)).toContain('evidence.stale: ')
    expect(issued(AT + 60_001)).toContain('evidence.stale: ')
  })

  it('for a changed bit, wherever the signature of it is', () => {
    const flipped = (at: number) => {
      const bytes = Buffer.from(QUOTE)
      bytes[at] = (bytes[at] as number) ^ 1
      return said({ evidence: [{ ...TDX, bytes }] })
    }
    expect(flipped(48 + 136)).toContain('evidence.signature: ')
  })

  it('after its collateral has ended', () => {
    const now = Date.parse('2026-11-28T00:00:00Z')
    expect(said({ now, challenge: { id: 'challenge-1', issuedAt: now } })).toContain(
      'evidence.collateral_stale: ',
    )
  })

  it('for a measurement that is not listed, is listed no longer, or is of an empty list', () => {
    const tdx = (reference: string) =>
      said({}, policyOf(tdxPolicy({ tdx: `{ reference: { ${reference} } }` })))
    expect(tdx(`mrtd: [rv:td], rtmr1: ["${RTMR1}"]`)).toBe('accept')
    expect(tdx(`mrtd: [rv:td], rtmr1: ["${MRTD}"]`)).toContain('evidence.measurement_unlisted: ')
    expect(tdx('mrtd: [rv:td], rtmr1: []')).toContain('evidence.measurement_unlisted: ')
    const over = policyOf(tdxPolicy().replace('not_after: 2025-06-30', 'not_after: 2025-06-18'))
    expect(said({}, over)).toContain('evidence.measurement_unlisted: ')
  })

  it('under roots that are not pinned', () => {
    expect(said({ roots: {} })).toContain('evidence.untrusted_root: ')
  })

  it('by a fault of ours without a word of what the stranger sent', () => {
    const verifiers = {
      tdx: {
        type: 'tdx',
        verify: () => {
          throw new TypeError('secret payload')
        },
      } as never,
    }
    const result = appraise(requestOf(POLICY), { ...using, verifiers })
    expect(result.reason).toBe('internal.error')
    expect(result.says).toMatch(/^the appraisal failed by a fault of the gateway: TypeError/)
    expect(JSON.stringify(result)).not.toContain('secret payload')
    expect(result.transient).toBe(true)
  })

  it('for a kind that cannot be verified here', () => {
    expect(verdictOf(appraise(requestOf(POLICY), { ...using, verifiers: {} }))).toBe(
      'evidence.unsupported: a document is of a kind or version that is not known here: tdx',
    )
  })

  it('and the result still tells what was genuine', () => {
    const policy = policyOf(tdxPolicy({ tdx: '{ reference: { mrtd: [] } }' }))
    expect(appraised(policy)).toMatchObject({
      decision: 'deny',
      admits: false,
      level: 'none',
      stage: 'appraisal',
      evidence: [{ measurements: { mrtd: MRTD } }],
      trust: { executables: 33 },
      matched: [],
    })
    expect(appraised(policy)).not.toHaveProperty('expires')
  })
})

describe('freshness', () => {
  it('without a challenge nothing is admitted', () => {
    const { challenge: _, expected: __, ...request } = requestOf(POLICY)
    expect(verdictOf(appraise(request, using))).toContain('evidence.freshness_unchecked: ')
  })

  it('a document by itself may be accepted, and admits no server', () => {
    const { challenge: _, expected: __, ...request } = requestOf(POLICY)
    expect(appraise({ ...request, offline: true }, using)).toMatchObject({
      decision: 'accept',
      admits: false,
      freshness: 'not checked',
    })
    expect(appraise({ ...requestOf(POLICY), offline: true }, using)).toMatchObject({
      decision: 'accept',
      admits: false,
      freshness: 'checked',
    })
  })
})

describe('a policy on builds', () => {
  const builds = (text: string) =>
    said(
      {},
      policyOf(tdxPolicy({ evidence: `  require: { all_of: [tdx] }\n  builds: { ${text} }` })),
    )
  const OTHER = `sha256:${'2b'.repeat(32)}`

  it('accepts a listed image, and denies one that is not', () => {
    expect(builds(`image_digests: ["${OTHER}", "${IMAGE}"]`)).toBe('accept')
    expect(builds(`image_digests: ["${OTHER}"]`)).toContain('evidence.build_refused: ')
    expect(builds('image_digests: []')).toContain('evidence.build_refused: ')
  })

  it('accepts a kernel of that version or newer, and denies an older one', () => {
    expect(builds('kernel: 6.12.9')).toBe('accept')
    expect(builds('kernel: 6.9.12')).toBe('accept')
    expect(builds('kernel: 6.12.10')).toMatch(
      /^evidence\.build_refused: .*: the kernel is older than 6\.12\.10$/,
    )
  })

  it('accepts firmware of that version or newer, and denies older one', () => {
    expect(builds('firmware: "2024.11"')).toBe('accept')
    expect(builds('firmware: 2024.11.1')).toContain('evidence.build_refused: ')
  })

  it('denies what no matched reference value says anything of', () => {
    const text = tdxPolicy({
      evidence: '  require: { all_of: [tdx] }\n  builds: { kernel: 6.0.0 }',
      tdx: `{ reference: { mrtd: ["${MRTD}"] } }`,
    })
    expect(said({}, policyOf(text))).toBe(
      'evidence.build_refused: the build that was measured is not one that the policy allows: no matched reference value says the kernel',
    )
  })
})

describe('what the policy says nothing about', () => {
  const SNP = { type: 'sev-snp', bytes: new Uint8Array(1184), endorsements: {} } as const

  it('is recorded and not looked at', () => {
    expect(appraised(POLICY, { evidence: [TDX, SNP] })).toMatchObject({
      decision: 'accept',
      ignored: ['sev-snp'],
    })
  })

  it('an unknown kind of document is recorded by its media type', () => {
    const body = JSON.parse(Buffer.from(envelope()).toString())
    body.evidence.push({ cmw: ['application/vnd.other+json', 'e30', 4] })
    const evidence = Buffer.from(JSON.stringify(body))
    expect(appraised(POLICY, { evidence })).toMatchObject({
      decision: 'accept',
      ignored: ['application/vnd.other+json'],
    })
  })

  it('but a document whose kind has a section must be good, asked for or not', () => {
    const text = tdxPolicy({
      evidence: '  require: { all_of: [tdx] }\n  sgx: { reference: { mrenclave: [] } }',
    })
    const evidence = [TDX, { ...TDX, type: 'sgx' as const }]
    expect(said({}, policyOf(text))).toBe('accept')
    expect(said({ evidence }, policyOf(text))).toContain('evidence.')
  })
})

describe('a policy that observes', () => {
  it('has the verdict that it would have; whoever admits reads the mode beside it', () => {
    const policy = policyOf(tdxPolicy({ rest: 'mode: observe' }))
    expect(appraised(policy)).toMatchObject({ mode: 'observe', decision: 'accept', admits: true })
    expect(appraised(policy, { evidence: [] })).toMatchObject({
      mode: 'observe',
      decision: 'deny',
      admits: false,
    })
  })
})

describe('a server without a policy', () => {
  it('has the result none, and is admitted', () => {
    expect(appraised(undefined)).toMatchObject({ decision: 'none', admits: true, level: 'none' })
  })
})

describe('a server that is a command', () => {
  const DIGEST = `sha256:${'3c'.repeat(32)}`
  const SCRIPT = `sha256:${'4d'.repeat(32)}`
  const policy = (files: string) =>
    policyOf(
      `version: 1\nid: local\npackage: { reference: { command: ["${DIGEST}"], files: [${files}] } }`,
    )
  const verdict = (
    measured: AppraisalRequest['measured'],
    text = `"${SCRIPT}"`,
    changes: Partial<AppraisalRequest> = {},
  ) => {
    const { challenge: _, expected: __, connection: ___, ...request } = requestOf(policy(text))
    const server = { id: 'files', transport: 'stdio' } as const
    return appraise(
      { ...request, server, evidence: [], ...(measured && { measured }), ...changes },
      using,
    )
  }

  it('is admitted when program and script are listed', () => {
    const measured = { command: DIGEST, files: [{ argument: 0, digest: SCRIPT }] }
    expect(verdict(measured)).toMatchObject({
      decision: 'accept',
      admits: true,
      level: 'package',
      freshness: 'checked',
      package: measured,
      matched: [DIGEST, SCRIPT],
    })
  })

  it('is refused when one of them is not, or could not be measured', () => {
    expect(verdict({ command: SCRIPT, files: [] }).reason).toBe('package.unlisted')
    expect(verdict({ command: DIGEST, files: [{ argument: 0, digest: DIGEST }] }).reason).toBe(
      'package.unlisted',
    )
    expect(verdict({ command: DIGEST, files: [{ argument: 0, digest: SCRIPT }] }, '').reason).toBe(
      'package.unlisted',
    )
    expect(verdict({ unmeasured: 'no such program', files: [] })).toMatchObject({
      reason: 'package.unmeasured',
      says: 'the command of the server cannot be measured: no such program',
    })
    expect(verdict(undefined).reason).toBe('package.unmeasured')
  })

  it('is refused when its reference value is over', () => {
    const text = (end: string) => `version: 1
id: local
package: { reference: { command: [rv:npx] } }
reference_values: { rv:npx: { values: ["${DIGEST}"], not_after: ${end} } }`
    const measured = { command: DIGEST, files: [] }
    const server = { id: 'files', transport: 'stdio' } as const
    const of = (end: string) => appraised(policyOf(text(end)), { server, measured })
    expect(of('2025-06-19')).toMatchObject({
      admits: true,
      matched: ['rv:npx'],
      expires: Date.parse('2025-06-19T17:59:59.999Z') + 1,
    })
    expect(of('2025-06-18').says).toBe(
      'the command of the server is not one that the policy lists: command: its reference value is over',
    )
  })

  it('cannot satisfy a policy of evidence, whatever was measured', () => {
    const measured = { command: DIGEST, files: [] }
    const server = { id: 'files', transport: 'stdio' } as const
    expect(said({ server, measured })).toContain('policy.transport: ')
  })
})

describe('what an appraisal needs', () => {
  it('is asked of the documents that the policy judges', () => {
    const needs = needsOf(requestOf(POLICY, { evidence: [{ ...TDX, endorsements: {} }] }), using)
    expect('needs' in needs && needs.needs.map(({ kind, required }) => [kind, required])).toEqual([
      ['tdx-tcb', true],
      ['tdx-qe', true],
      ['crl', true],
      ['crl', true],
    ])
  })

  it('is nothing where no policy is for the server, or none could be chosen', () => {
    expect(needsOf(requestOf(undefined), using)).toEqual({ needs: [] })
    const selection = { reason: 'policy.none' } as const
    expect(needsOf(requestOf(undefined, { selection }), using)).toEqual({ needs: [] })
  })

  it('is required once it is required by one of two that need it', () => {
    const needs = (required: boolean) => [{ id: 'a', kind: 'crl', urls: [], required }]
    const verifiers = {
      tdx: { type: 'tdx', needs: () => [...needs(true), ...needs(false)] } as never,
    }
    expect(needsOf(requestOf(POLICY), { ...using, verifiers })).toEqual({ needs: needs(true) })
  })

  it('is a fault of ours when a verifier throws anything else', () => {
    const verifiers = {
      tdx: {
        type: 'tdx',
        needs: () => {
          throw 'text'
        },
        verify: () => {
          throw 'text'
        },
      } as never,
    }
    const with_ = { ...using, verifiers }
    expect(needsOf(requestOf(POLICY), with_)).toEqual({
      refusal: { reason: 'internal.error', detail: 'thrown' },
    })
    expect(appraise(requestOf(POLICY), with_).says).toBe(
      'the appraisal failed by a fault of the gateway: thrown',
    )
  })

  it('is refused as the appraisal will be', () => {
    const evidence = Buffer.from('{')
    expect(needsOf(requestOf(POLICY, { evidence }), using)).toEqual({
      refusal: { reason: 'evidence.malformed', detail: 'envelope: no JSON' },
    })
  })
})

describe('adding a requirement never turns a denial into an acceptance', () => {
  const lines = [
    'kernel',
    'image',
    'binding',
    'rtmr1',
    'sgx',
    'challenge_ttl',
    'sept',
    'eval',
  ] as const
  const text = (asked: ReadonlySet<string>, base: { mrtd: string }): string => {
    const all = ['tdx', ...(asked.has('sgx') ? ['sgx'] : [])]
    const builds = [
      ...(asked.has('kernel') ? ['kernel: 6.12.10'] : []),
      ...(asked.has('image') ? [`image_digests: ["${IMAGE}"]`] : []),
    ]
    return tdxPolicy({
      evidence: [
        `  require: { all_of: [${all}] }`,
        `  binding: [spki${asked.has('binding') ? ', exporter' : ''}]`,
        ...(builds.length > 0 ? [`  builds: { ${builds.join(', ')} }`] : []),
        ...(asked.has('challenge_ttl') ? ['  freshness: { challenge_ttl: 500ms }'] : []),
        ...(asked.has('sgx') ? ['  sgx: { reference: { mrenclave: [] } }'] : []),
      ].join('\n'),
      tdx: `{ reference: { mrtd: [${base.mrtd}]${asked.has('rtmr1') ? ', rtmr1: []' : ''} }${asked.has('eval') ? ', min_tcb_eval: 18' : ''}, require_sept_ve_disable: ${asked.has('sept')} }`,
    })
  }
  // verdicts of policies are looked up: a property tries many pairs of few policies
  const known = new Map<string, boolean>()
  const accepts = (policy: string): boolean => {
    const before = known.get(policy)
    if (before !== undefined) return before
    const verdict = appraised(policyOf(policy)).admits
    known.set(policy, verdict)
    return verdict
  }

  it('whatever was asked before', () => {
    fc.assert(
      fc.property(
        fc.subarray([...lines]),
        fc.constantFrom(...lines),
        fc.constantFrom('rv:td', ''),
        (before, added, mrtd) => {
          const less = accepts(text(new Set(before), { mrtd }))
          const more = accepts(text(new Set([...before, added]), { mrtd }))
          expect(more && !less).toBe(false)
        },
      ),
      { numRuns: 150, seed: 11 },
    )
    expect([...known.values()].filter(Boolean).length).toBeGreaterThan(1)
  })
})
