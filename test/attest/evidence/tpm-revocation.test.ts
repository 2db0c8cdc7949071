// Certificates of a TPM's keys that are revoked, whose lists are missing, or that point to none. All synthetic.
import { describe, expect, it } from 'vitest'
import { needsOf } from '../../../src/attest/appraisal/needs.ts'
import type { EvidenceItem, Verification } from '../../../src/attest/evidence/evidence.ts'
import { AK_ROOTS, EK_ROOTS } from '../../../src/attest/tpm/key-chain.ts'
import { activationId } from '../../../src/attest/tpm/key-trust.ts'
import type { TpmPolicy } from '../../../src/attest/tpm/policy.ts'
import { parseTpmPublic } from '../../../src/attest/tpm/public.ts'
import { tpm } from '../../../src/attest/tpm/tpm.ts'
import {
  crlAt,
  extension,
  type Issued,
  makeCrl,
  makeIntermediate,
  makeLeaf,
  makeRoot,
  OID,
  purposes,
} from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'
import { requestOf, using } from '../appraisal/world.ts'
import { denialOf } from '../denials.ts'
import { AK, areaOf, formOf, itemOf, keyFrom, NONCE, NOW, verification } from '../synthetic/tpm.ts'
import { AK_PURPOSE, EK_PURPOSE } from '../synthetic/tpm-authority.ts'

const DAY = 86_400_000
const times = { notBefore: NOW - DAY, notAfter: NOW + DAY }
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const LEAVES = 'http://lists.example/leaves.crl'
const ISSUERS = 'http://lists.example/issuers.crl'
const root = makeRoot({ subject: 'TPM root', ...times })
const pointTo = (url: string) => ({ [OID.crlDistributionPoints]: crlAt(url) })
const issuer = makeIntermediate(root, {
  subject: 'TPM issuer',
  ...times,
  extensions: pointTo(ISSUERS),
})
const EK = keyFrom('endorsement key')

function leafOf(by: Issued, purpose: string, list?: string): Issued {
  const key = purpose === AK_PURPOSE ? AK : EK
  const publicKey = parseTpmPublic(areaOf({ key })).key
  return makeLeaf(by, {
    ...times,
    keys: { publicKey, privateKey: key },
    extensions: {
      [OID.basicConstraints]: extension(OID.basicConstraints, der.sequence(), true),
      [OID.extKeyUsage]: purposes(purpose),
      [OID.subjectAltName]: undefined,
      ...(list === undefined ? {} : pointTo(list)),
    },
  })
}

const akLeaf = leafOf(issuer, AK_PURPOSE, LEAVES)
const certified = (leaf = akLeaf, above: readonly Issued[] = [issuer]) =>
  itemOf(formOf(), {
    ak_cert: b64(leaf.certificate.der),
    ak_chain: above.map(({ certificate }) => b64(certificate.der)),
  })
const roots = { [AK_ROOTS]: [{ id: 'lab', der: root.certificate.der, synthetic: true }] }

const POLICY: TpmPolicy = {
  ak_trust: ['ak-cert'],
  ak_anchors: ['lab'],
  enrolled: [],
  revocation: 'require',
  banks: ['sha256'],
  reference: { pcrs: { 7: { [`sha256:${'77'.repeat(32)}`]: { id: 'a' } } } },
  event_log: 'off',
  secure_boot: 'off',
}
const with_ = (changes: Partial<TpmPolicy>): TpmPolicy => ({ ...POLICY, ...changes })

const now = { thisUpdate: NOW - DAY, nextUpdate: NOW + DAY }
const LISTS: Readonly<Record<string, Buffer>> = {
  [LEAVES]: makeCrl(issuer, now),
  [ISSUERS]: makeCrl(root, now),
}
const needs = (item: EvidenceItem, policy = POLICY, of: Verification['roots'] = roots) =>
  tpm.needs?.(item, policy, { now: NOW, roots: of }) ?? []

/** What was fetched of what was needed. */
function fetched(lists: Readonly<Record<string, Buffer>>, item = certified()): Verification {
  const found = needs(item).flatMap(({ id, urls: [url = ''] }) => {
    const bytes = lists[url]
    return bytes ? [[id, { bytes, receivedAt: NOW }] as const] : []
  })
  return verification({ roots, collateral: new Map(found) })
}

describe('the lists of an attestation key', () => {
  it('are those that its certificates point to, up to the root', () => {
    expect(needs(certified()).map(({ kind, urls, required }) => [kind, urls, required])).toEqual([
      ['crl', [LEAVES], false],
      ['crl', [ISSUERS], false],
    ])
  })

  it('are asked for only where the chain leads to a root of the operator', () => {
    const stranger = makeRoot({ subject: 'TPM root', ...times })
    const strange = certified(leafOf(stranger, AK_PURPOSE, 'http://127.0.0.1/admin'), [])
    expect(denialOf(() => needs(strange))).toBe(
      'evidence.chain: certificate 0 is not signed by its issuer',
    )
    expect(needs(certified(), POLICY, {})).toEqual([])
    expect(tpm.needs?.(certified(), POLICY)).toEqual([])
  })

  it('are not asked for where the policy does not take such a certificate, or turns it off', () => {
    expect(needs(certified(), with_({ ak_trust: ['enrolled'] }))).toEqual([])
    expect(needs(certified(), with_({ revocation: 'off' }))).toEqual([])
  })

  it('are asked for with the roots of the appraisal', () => {
    const evidence = { require: [], sections: { tpm: POLICY } }
    const request = requestOf({ evidence } as never, { evidence: [certified()], roots, now: NOW })
    expect(needsOf(request, using)).toEqual({ needs: needs(certified()) })
  })

  it('that are there and name none of them are what the result rests on', () => {
    const claims = tpm.verify(certified(), fetched(LISTS))
    expect(claims.flags.revocation).toBe('checked')
    expect(claims.collateral).toMatchObject([
      { kind: 'crl', nextUpdate: NOW + DAY, number: 7 },
      { kind: 'crl', nextUpdate: NOW + DAY, number: 7 },
    ])
    expect(tpm.appraise(claims, POLICY, { now: NOW }).warnings).toEqual([])
  })

  const stale = { thisUpdate: NOW - 2 * DAY, nextUpdate: NOW - DAY }
  it.each([
    ['that name the key', { ...LISTS, [LEAVES]: makeCrl(issuer, { ...now, revoked: [akLeaf.certificate] }) }, 'evidence.revoked: CRL'],
    ['that name its issuer', { ...LISTS, [ISSUERS]: makeCrl(root, { ...now, revoked: [issuer.certificate] }) }, 'evidence.revoked: CRL'],
    ['that are over', { ...LISTS, [LEAVES]: makeCrl(issuer, stale) }, 'evidence.collateral_stale: CRL: past its nextUpdate'],
    ['of somebody else', { ...LISTS, [LEAVES]: makeCrl(root, now) }, 'evidence.collateral_invalid: CRL: of another issuer'],
    ['that are none', { ...LISTS, [LEAVES]: Buffer.from('x') }, 'evidence.collateral_invalid: DER: truncated'],
  ])('refuse it: those %s', (_what, lists, denial) => {
    expect(denialOf(() => tpm.verify(certified(), fetched(lists))).split(':')[0]).toBe(denial.split(':')[0])
  }) // biome-ignore format: rows

  it.each([
    ['require', 'evidence.collateral_missing: revocation lists of the key', undefined],
    ['prefer', 'none', ['revocation was not checked']],
    ['off', 'none', ['revocation was not checked']],
  ] as const)('that are missing: %s', (revocation, denial, warnings) => {
    const some: readonly (typeof LISTS)[] = [{}, { [LEAVES]: makeCrl(issuer, now) }]
    for (const lists of some) {
      const claims = tpm.verify(certified(), fetched(lists))
      expect(claims.flags.revocation).toBe('not checked')
      const policy = with_({ revocation })
      expect(denialOf(() => tpm.appraise(claims, policy, { now: NOW }))).toBe(denial)
      if (warnings) expect(tpm.appraise(claims, policy, { now: NOW }).warnings).toEqual(warnings)
    }
  })

  it('are not required of certificates that point to none, nor of a key that is enrolled', () => {
    const plain = certified(leafOf(root, AK_PURPOSE), [])
    const claims = tpm.verify(plain, verification({ roots }))
    expect(claims.flags.revocation).toBe('no list')
    expect(tpm.appraise(claims, POLICY, { now: NOW }).warnings).toEqual([])
    const unchecked = tpm.verify(certified(), verification({ roots }))
    const enrolled = [`sha256:${unchecked.flags.ak_spki_sha256}`]
    const policy = with_({ ak_trust: ['enrolled'], enrolled })
    expect(tpm.appraise(unchecked, policy, { now: NOW }).warnings).toEqual([])
  })
})

describe('the lists of an endorsement key', () => {
  const ekLeaf = leafOf(root, EK_PURPOSE, LEAVES)
  const area = areaOf({ key: EK })
  const item = itemOf(formOf(), { ek_public: b64(area), ek_cert: b64(ekLeaf.certificate.der) })
  const ekRoots = { [EK_ROOTS]: roots[AK_ROOTS] ?? [] }
  const policy = with_({ ak_trust: ['ek-activation'] })
  const at = (list: Buffer | undefined) => {
    const pair = { ek: parseTpmPublic(area), ak: parseTpmPublic(areaOf()) }
    const proof = { bytes: Buffer.alloc(64, 7), receivedAt: NOW }
    const [need] = needs(item, policy, ekRoots)
    const collateral = new Map([
      [activationId(pair, { kind: 'exact', bytes: NONCE }), proof],
      ...(list && need ? [[need.id, { bytes: list, receivedAt: NOW }] as const] : []),
    ])
    return verification({ roots: ekRoots, collateral })
  }

  it('are asked for where the policy takes activation', () => {
    expect(needs(item, policy, ekRoots).map(({ urls }) => urls)).toEqual([[LEAVES]])
    expect(needs(item, POLICY, ekRoots)).toEqual([])
  })

  it('refuse a key that is on one, or about which nothing can be said', () => {
    const clean = tpm.verify(item, at(makeCrl(root, now)))
    expect(clean.flags).toMatchObject({ ak_trust: 'ek-activation', revocation: 'checked' })
    const revoked = makeCrl(root, { ...now, revoked: [ekLeaf.certificate] })
    expect(denialOf(() => tpm.verify(item, at(revoked)))).toBe('evidence.revoked: CRL')
    const missing = tpm.verify(item, at(undefined))
    expect(denialOf(() => tpm.appraise(missing, policy, { now: NOW }))).toBe(
      'evidence.collateral_missing: revocation lists of the key',
    )
  })
})
