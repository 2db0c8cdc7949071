// The TLS identity of a server by the section `tls` of a policy: who is accepted, and with which reason each other is refused. All synthetic.
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import type { IdentityRule, TlsPolicy } from '../../../src/attest/tls/policy.ts'
import {
  checkTlsIdentity,
  type SeenConnection,
  type TlsAnchor,
  type TlsQuestion,
  tlsNeeds,
} from '../../../src/attest/tls/tls.ts'
import {
  crlAt,
  DAY,
  extension,
  type Issued,
  keyUsage,
  makeCrl,
  makeIntermediate,
  makeLeaf,
  makeOcsp,
  makeRoot,
  NOW,
  names,
  OID,
  uri,
} from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

const root = makeRoot()
const intermediate = makeIntermediate(root)
const leaf = makeLeaf(intermediate)
const svidOf = (id: string, issuer: Issued = root): Issued =>
  makeLeaf(issuer, { extensions: { [OID.subjectAltName]: extension(OID.subjectAltName, names(uri(id))) } }) // biome-ignore format: a row
const svid = svidOf('spiffe://prod.example/mcp/files')

const POLICY: TlsPolicy = {
  anchors: ['prod-root'],
  min_version: 'TLSv1.3',
  mtls: 'any',
  identity: { any_of: [{ dns: 'server.example.com' }] },
  profile: 'strict',
  revocation: { mode: 'off', sources: ['crl'], max_age: DAY, clock_skew: 120_000 },
}
const ANCHOR: TlsAnchor = { name: 'prod-root', der: root.certificate.der }
const chainOf = (...all: readonly Issued[]): Uint8Array[] => all.map((one) => one.certificate.der)

interface Change {
  readonly policy?: Partial<TlsPolicy>
  readonly connection?: Partial<SeenConnection>
  readonly anchors?: readonly TlsAnchor[]
  readonly now?: number
  readonly collateral?: TlsQuestion['collateral']
  readonly seen?: ReadonlyMap<string, string>
}
const question = (change: Change = {}): TlsQuestion => ({
  connection: {
    chain: chainOf(leaf, intermediate),
    protocol: 'TLSv1.3',
    authorized: true,
    ...change.connection,
  },
  policy: { ...POLICY, ...change.policy },
  anchors: change.anchors ?? [ANCHOR],
  now: change.now ?? NOW,
  collateral: change.collateral ?? new Map(),
  ...(change.seen && { seen: change.seen }),
})
const reasonOf = (change: Change): string | undefined => {
  try {
    checkTlsIdentity(question(change))
    return undefined
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.reason
  }
}
const anyOf = (...rules: readonly IdentityRule[]) => ({ identity: { any_of: rules } })

describe('a server', () => {
  it('is known by chain, name and key, and until when', () => {
    expect(checkTlsIdentity(question())).toEqual({
      claims: {
        leafSha256: leaf.certificate.sha256,
        spkiSha256: leaf.certificate.spkiSha256,
        serial: leaf.certificate.serialHex,
        issuer: 'CN=Synthetic Intermediate',
        notAfter: NOW + 365 * DAY,
        protocol: 'TLSv1.3',
        anchor: 'prod-root',
        identity: 'dns:server.example.com',
        revocation: { source: 'none', status: 'off' },
      },
      ends: [NOW + 365 * DAY, NOW + 365 * DAY, NOW + 365 * DAY],
      trust: { 'instance-identity': 2 },
    })
  })

  it.each<[string, string, Change]>([
    ['of an older version', 'tls.version', { connection: { protocol: 'TLSv1.2' } }],
    ['of a version nobody knows', 'tls.version', { connection: { protocol: 'TLSv9' } }],
    ['without a certificate', 'tls.chain', { connection: { chain: [] } }],
    ['with a certificate that is none', 'tls.chain', { connection: { chain: [Buffer.from('no')] } }],
    ['without its intermediate', 'tls.untrusted_anchor', { connection: { chain: chainOf(leaf) } }],
    ['of another root', 'tls.untrusted_anchor', { anchors: [{ name: 'prod-root', der: makeRoot({ subject: 'Other' }).certificate.der }] }],
    ['of a root that the policy does not name', 'tls.untrusted_anchor', { policy: { anchors: ['prod-root-2027'] } }],
    ['of a root whose time as anchor is over', 'tls.untrusted_anchor', { anchors: [{ ...ANCHOR, notAfter: NOW - 1 }] }],
    ['of a root whose time as anchor is to come', 'tls.untrusted_anchor', { anchors: [{ ...ANCHOR, notBefore: NOW + 1 }] }],
    ['after its certificates', 'tls.expired', { now: NOW + 366 * DAY }],
    ['before its certificates', 'tls.not_yet_valid', { now: NOW - 2 * DAY }],
    ['of another name', 'tls.name_mismatch', { policy: anyOf({ dns: 'other.example.com' }) }],
    ['of another key', 'tls.name_mismatch', { policy: anyOf({ spki: `sha256:${'0'.repeat(64)}` }) }],
    ['with a certificate for longer than allowed', 'tls.validity_too_long', { policy: { max_validity_days: 90 } }],
    ['that takes clients without a certificate', 'tls.mtls_absent', { policy: { mtls: 'required' }, connection: { refusesAnonymous: false } }],
    ['of which nobody knows whether it does', 'tls.unavailable', { policy: { mtls: 'required' } }],
    ['with an anchor that is no certificate', 'policy.error', { anchors: [{ ...ANCHOR, der: Buffer.from('no') }] }],
  ])('%s is refused: %s', (_, reason, change) => {
    expect(reasonOf(change)).toBe(reason)
  }) // biome-ignore format: a table

  it.each([
    ['CERT_HAS_EXPIRED', 'tls.expired'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls.untrusted_anchor'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls.name_mismatch'],
    ['CERT_REVOKED', 'tls.revoked'],
    ['INVALID_PURPOSE', 'tls.chain'],
    ['constructor', 'tls.chain'],
    [undefined, 'tls.chain'],
  ])(
    'that node:tls refuses with %s is refused before anything else is looked at: %s',
    (code, reason) => {
      const connection = { authorized: false, chain: [], ...(code !== undefined && { authorizationError: code }) } // biome-ignore format: a row
      expect(reasonOf({ connection })).toBe(reason)
    },
  )

  it('may be known by its key, its address or any name of several, and by a root that takes over', () => {
    const spki = `sha256:${leaf.certificate.spkiSha256}`
    expect(reasonOf({ policy: anyOf({ dns: 'other.example.com' }, { spki }) })).toBeUndefined()
    const byAddress = makeLeaf(root, {
      extensions: { [OID.subjectAltName]: extension(OID.subjectAltName, names(der.element(0x87, Buffer.from([192, 0, 2, 7])))) }, // biome-ignore format: a row
    })
    const connection = { chain: chainOf(byAddress) }
    expect(reasonOf({ connection, policy: anyOf({ dns: '192.0.2.7' }) })).toBeUndefined()
    const next = { name: 'next', der: makeRoot({ subject: 'Next' }).certificate.der }
    const anchors = [next, { ...ANCHOR, notAfter: NOW + DAY }]
    const both = checkTlsIdentity(question({ anchors, policy: { anchors: ['next', 'prod-root'] } }))
    expect([both.claims.anchor, Math.min(...both.ends)]).toEqual(['prod-root', NOW + DAY])
  })

  it('may speak 1.2 where the policy lets it, refuses strangers where it must, and lives as long as allowed', () => {
    expect(
      reasonOf({
        policy: { min_version: 'TLSv1.2', mtls: 'required', max_validity_days: 366 },
        connection: { protocol: 'TLSv1.2', refusesAnonymous: true },
      }),
    ).toBeUndefined()
  })

  it('of an authority that leaves key identifiers out is accepted by the plain profile only', () => {
    const bare = { [OID.authorityKeyIdentifier]: undefined, [OID.subjectKeyIdentifier]: undefined }
    const connection = { chain: chainOf(makeLeaf(root, { extensions: bare })) }
    expect(reasonOf({ connection })).toBe('tls.chain')
    expect(reasonOf({ connection, policy: { profile: 'plain' } })).toBeUndefined()
  })
})

describe('a SPIFFE id', () => {
  const connection = { chain: chainOf(svid) }
  const exact = anyOf({ spiffe_id: 'spiffe://prod.example/mcp/files' })

  it('is matched whole, by path or by trust domain', () => {
    expect(checkTlsIdentity(question({ connection, policy: exact })).claims.identity).toBe(
      'spiffe_id:spiffe://prod.example/mcp/files',
    )
    const below = anyOf({ spiffe_id: 'spiffe://prod.example/mcp/*' })
    expect(reasonOf({ connection, policy: below })).toBeUndefined()
    const domain = anyOf({ spiffe_trust_domain: 'prod.example' })
    expect(reasonOf({ connection, policy: domain })).toBeUndefined()
  })

  it('of another path or domain is refused, and so is what is no SVID', () => {
    const other = anyOf({ spiffe_id: 'spiffe://prod.example/mcp/file' })
    expect(reasonOf({ connection, policy: other })).toBe('tls.name_mismatch')
    const domain = anyOf({ spiffe_trust_domain: 'prod.example.com' })
    expect(reasonOf({ connection, policy: domain })).toBe('tls.name_mismatch')
    expect(reasonOf({ policy: exact })).toBe('tls.svid')
  })

  it('under a bundle is vouched for by the bundle of its own domain', () => {
    const bundle = (trustDomain: string): TlsAnchor => ({ ...ANCHOR, trustDomain })
    expect(reasonOf({ connection, policy: exact, anchors: [bundle('prod.example')] })).toBeUndefined() // biome-ignore format: a row
    expect(reasonOf({ connection, policy: exact, anchors: [bundle('test.example')] })).toBe('tls.untrusted_anchor') // biome-ignore format: a row
  })

  it('is all that a bundle vouches for: a host name of an SVID counts for nothing', () => {
    const both = makeLeaf(root, {
      extensions: {
        [OID.subjectAltName]: extension(
          OID.subjectAltName,
          names(
            uri('spiffe://prod.example/a'),
            der.element(0x82, Buffer.from('server.example.com')),
          ),
        ),
      },
    })
    const anchors = [{ ...ANCHOR, trustDomain: 'prod.example' }]
    expect(reasonOf({ connection: { chain: chainOf(both) }, anchors })).toBe('tls.name_mismatch')
  })

  it('is not believed of an intermediate that has the id of a workload', () => {
    const workload = makeIntermediate(root, {
      extensions: { [OID.subjectAltName]: extension(OID.subjectAltName, names(uri('spiffe://prod.example/w'))) }, // biome-ignore format: a row
    })
    const chain = chainOf(svidOf('spiffe://prod.example/mcp/files', workload), workload)
    expect(reasonOf({ connection: { chain }, policy: exact })).toBe('tls.svid')
  })

  it('is not believed of a leaf that may sign lists', () => {
    const signs = makeLeaf(root, {
      extensions: {
        [OID.keyUsage]: keyUsage(0, 6),
        [OID.subjectAltName]: extension(OID.subjectAltName, names(uri('spiffe://prod.example/a'))),
      },
    })
    expect(reasonOf({ connection: { chain: chainOf(signs) }, policy: exact })).toBe('tls.svid')
  })
})

describe('revocation', () => {
  const policy = {
    revocation: {
      mode: 'require',
      sources: ['ocsp-staple', 'crl'],
      max_age: DAY,
      clock_skew: 120_000,
    },
  } as const
  const listed = makeLeaf(root, {
    extensions: { [OID.crlDistributionPoints]: crlAt('http://crl.example.com/1') },
  })
  const connection = { chain: chainOf(listed) }

  it('is asked for by its needs, answered by what was fetched, and told in the claims', () => {
    const [need, ...more] = tlsNeeds(question({ connection, policy }))
    expect([need?.urls, more]).toEqual([['http://crl.example.com/1'], []])
    const holding = (bytes: Uint8Array) => new Map([[need?.id ?? '', { bytes, receivedAt: NOW }]])
    const noted: string[] = []
    const note = ({ name }: { name: string }) => noted.push(name)
    const found = checkTlsIdentity({
      ...question({ connection, policy, collateral: holding(makeCrl(root, { number: 9 })) }),
      note,
    })
    expect(found.claims.revocation).toEqual({
      source: 'crl',
      status: 'good',
      thisUpdate: NOW - DAY,
      nextUpdate: NOW + 7 * DAY,
    })
    expect(Math.min(...found.ends)).toBe(NOW + 7 * DAY)
    const seen = new Map([[noted[0] ?? '', 'a']])
    const again = { connection, policy, collateral: holding(makeCrl(root, { number: 9 })), seen }
    expect(reasonOf(again)).toBe('tls.revocation_unknown')
    const revoking = holding(makeCrl(root, { revoked: [listed.certificate] }))
    expect(reasonOf({ connection, policy, collateral: revoking })).toBe('tls.revoked')
  })

  it('needs nothing when the server staples, and denies when nobody answers', () => {
    const ocsp = makeOcsp(listed.certificate, root)
    expect(tlsNeeds(question({ connection: { ...connection, ocsp }, policy }))).toEqual([])
    expect(reasonOf({ connection: { ...connection, ocsp }, policy })).toBeUndefined()
    expect(reasonOf({ connection, policy })).toBe('tls.revocation_unknown')
  })

  it('asks for nothing in the name of a chain that leads nowhere', () => {
    const stranger = makeRoot({ subject: 'Stranger' })
    const chain = chainOf(makeLeaf(stranger, { extensions: { [OID.crlDistributionPoints]: crlAt('http://10.0.0.1/') } })) // biome-ignore format: a row
    expect(() => tlsNeeds(question({ connection: { chain }, policy }))).toThrow(
      'leads to no anchor',
    )
  })
})
