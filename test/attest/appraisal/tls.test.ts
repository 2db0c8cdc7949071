// Policies of the section tls in an appraisal: what a chain admits, until when, and what has to be fetched for it. All synthetic.
import { describe, expect, it } from 'vitest'
import { appraise } from '../../../src/attest/appraisal/appraise.ts'
import { needsOf } from '../../../src/attest/appraisal/needs.ts'
import type { AppraisalRequest } from '../../../src/attest/appraisal/result.ts'
import {
  crlAt,
  makeCrl,
  makeIntermediate,
  makeLeaf,
  makeRoot,
  NOW,
  OID,
} from '../../support/authority.ts'
import { policyOf } from '../policy/world.ts'
import { requestOf, TDX, using } from './world.ts'

const root = makeRoot()
const intermediate = makeIntermediate(root)
const leaf = makeLeaf(intermediate)
const policy = (mode: string, rest = '') =>
  policyOf(`version: 1
id: tls-only
tls:
  anchors: [prod-root]
  identity: { any_of: [{ dns: server.example.com }] }
  revocation: { mode: ${mode} }
${rest}`)

const request = (
  text: ReturnType<typeof policy>,
  changes: Partial<AppraisalRequest> = {},
): AppraisalRequest => {
  const { challenge: _, expected: __, ...bare } = requestOf(text)
  return {
    ...bare,
    now: NOW,
    evidence: [],
    anchors: [{ name: 'prod-root', der: root.certificate.der }],
    connection: {
      chain: [leaf.certificate.der, intermediate.certificate.der],
      protocol: 'TLSv1.3',
      authorized: true,
    },
    ...changes,
  }
}

describe('a policy of TLS alone', () => {
  it('admits by the chain: the handshake was made for this appraisal', () => {
    expect(appraise(request(policy('off')), using)).toMatchObject({
      decision: 'accept',
      admits: true,
      level: 'transport',
      freshness: 'checked',
      tls: {
        spkiSha256: leaf.certificate.spkiSha256,
        anchor: 'prod-root',
        identity: 'dns:server.example.com',
      },
      trust: { 'instance-identity': 2 },
      expires: NOW + 6 * 3_600_000,
    })
  })

  it('holds no longer than the anchor', () => {
    const anchors = [{ name: 'prod-root', der: root.certificate.der, notAfter: NOW + 1000 }]
    expect(appraise(request(policy('off'), { anchors }), using).expires).toBe(NOW + 1000)
  })

  it('refuses with the reason of the chain, and says so in the trust vector', () => {
    const anchors = [{ name: 'other', der: root.certificate.der }]
    expect(appraise(request(policy('off'), { anchors }), using)).toMatchObject({
      admits: false,
      reason: 'tls.untrusted_anchor',
      stage: 'tls',
      trust: { 'instance-identity': 97 },
      status: 'contraindicated',
    })
  })

  it('wants to know of revocation unless it says otherwise', () => {
    expect(appraise(request(policy('require')), using)).toMatchObject({
      reason: 'tls.revocation_unknown',
      transient: true,
    })
    const found = needsOf(request(policy('require')), using)
    expect('needs' in found && found.needs.map(({ kind }) => kind)).toContain('crl')
  })

  it('is not met by a server without TLS', () => {
    for (const transport of ['plain', 'stdio'] as const)
      expect(
        appraise(request(policy('off'), { server: { id: 'files', transport } }), using).reason,
      ).toBe('policy.transport')
  })

  it('says nothing of documents, and looks at none', () => {
    const evidence = [{ ...TDX, bytes: new Uint8Array(1) }]
    expect(appraise(request(policy('off'), { evidence }), using)).toMatchObject({
      decision: 'accept',
      evidence: [],
    })
  })
})

describe('a chain in front of evidence', () => {
  const both = policy(
    'off',
    'evidence: { require: { all_of: [tdx] }, tdx: { reference: { mrtd: [] } } }',
  )

  it('is judged first: evidence of whoever is not known is not looked at', () => {
    const anchors = [{ name: 'other', der: root.certificate.der }]
    const evidence = Buffer.from('{')
    expect(appraise(request(both, { anchors, evidence }), using).reason).toBe(
      'tls.untrusted_anchor',
    )
  })

  it('does not stand for evidence that is missing', () => {
    expect(appraise(request(both), using)).toMatchObject({
      admits: false,
      reason: 'evidence.missing',
      tls: { anchor: 'prod-root' },
    })
  })
})

describe('a revocation list', () => {
  const url = 'http://crl.example.com/1'
  const listed = makeLeaf(root, { extensions: { [OID.crlDistributionPoints]: crlAt(url) } })
  const connection = {
    chain: [listed.certificate.der],
    protocol: 'TLSv1.3',
    authorized: true,
  }
  const judged = (list: Uint8Array, seen?: ReadonlyMap<string, string>) => {
    const asked = request(policy('require'), { connection })
    const found = needsOf(asked, using)
    const id = ('needs' in found && found.needs[0]?.id) || ''
    const collateral = new Map([[id, { bytes: list, receivedAt: NOW }]])
    return appraise({ ...asked, collateral, ...(seen && { seen }) }, using)
  }

  it('admits whom it does not have, and is named by number, to be remembered', () => {
    const result = judged(makeCrl(root, { number: 9 }))
    expect(result).toMatchObject({
      admits: true,
      tls: { revocation: { source: 'crl', status: 'good' } },
    })
    expect(result.numbered.map(({ number }) => number)).toEqual(['9'])
    const seen = new Map(result.numbered.map(({ name, number }) => [name, number]))
    expect(judged(makeCrl(root, { number: 8 }), seen).reason).toBe('tls.revocation_unknown')
  })

  it('refuses whom it has, and is to be remembered all the same', () => {
    const revoking = judged(makeCrl(root, { revoked: [listed.certificate], number: 10 }))
    expect(revoking.reason).toBe('tls.revoked')
    const seen = new Map(revoking.numbered.map(({ name, number }) => [name, number]))
    expect(judged(makeCrl(root, { number: 9 }), seen).reason).toBe('tls.revocation_unknown')
  })
})
