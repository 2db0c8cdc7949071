// Revocation of a path: real lists of a public authority, and synthetic lists and OCSP responses that are wrong in one way each.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Collateral } from '../../../src/attest/collateral.ts'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { PURPOSE } from '../../../src/attest/path/profile.ts'
import {
  checkRevocation,
  type RevocationPolicy,
  type RevocationQuestion,
  revocationNeeds,
} from '../../../src/attest/path/revocation.ts'
import { readChain, validatePath } from '../../../src/attest/path/validate.ts'
import {
  crlAt,
  DAY,
  entryOf,
  extension,
  makeCrl,
  makeIntermediate,
  makeLeaf,
  makeOcsp,
  makeResponder,
  makeRoot,
  NOW,
  OID,
  ocspAt,
  purposes,
  uri,
} from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

const POLICY: RevocationPolicy = {
  mode: 'require',
  sources: ['ocsp-staple', 'crl', 'ocsp'],
  max_age: 2 * DAY,
  clock_skew: 120_000,
}

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}${error.detail === undefined ? '' : `: ${error.detail}`}`
  }
}

describe('lists of a public authority', () => {
  const fixture = (name: string): Buffer =>
    readFileSync(new URL(`../../fixtures/attestation/x509-revocation/${name}`, import.meta.url))
  const root = Certificate.parse(fixture('AmazonRootCA3.cer'))
  const lists = ['rootca3.crl', 'e2m02.crl', 'e2m03.crl'].map(fixture)

  const verdict = (site: string, issuer: string, time: string): string | undefined =>
    reasonOf(() => {
      const now = Date.parse(time)
      const files = [`${site}.rootca3.demo.amazontrust.com.cer`, issuer].map(fixture)
      const { path } = validatePath({
        chain: readChain(files, 'tls'),
        anchors: [{ id: 'amazon', certificate: root }],
        now,
        family: 'tls',
        purpose: PURPOSE.server,
        names: [{ kind: 'dns', value: `${site}.rootca3.demo.amazontrust.com` }],
      })
      const question = { path, policy: POLICY, now, family: 'tls', collateral: new Map() } as const
      const ids = revocationNeeds(question).filter(({ kind }) => kind === 'crl')
      const all = ids.map(({ id, urls: [url = ''] }) => {
        const bytes = lists.find((list) => url.endsWith(nameOf(list))) as Buffer
        return [id, { bytes, receivedAt: now }] as const
      })
      checkRevocation({ ...question, collateral: new Map(all) })
    })
  const nameOf = (list: Buffer): string =>
    ['rootca3.crl', 'e2m02.crl', 'e2m03.crl'][lists.indexOf(list)] as string

  it('accept a certificate that is on none, until the list is past its time', () => {
    expect(verdict('valid', 'e2m03.cer', '2025-02-24T00:00:00Z')).toBeUndefined()
    expect(verdict('valid', 'e2m03.cer', '2025-03-05T00:00:00Z')).toBe(
      'tls.revocation_unknown: CRL: past its nextUpdate',
    )
  })

  it('deny a certificate that is on one, also when the list is old', () => {
    expect(verdict('revoked', 'e2m03.cer', '2025-02-24T00:00:00Z')).toBe('tls.revoked: CRL')
    expect(verdict('revoked', 'e2m03.cer', '2025-03-05T00:00:00Z')).toBe('tls.revoked: CRL')
  })

  it('are not needed to see that a certificate has expired', () => {
    expect(verdict('expired', 'e2m02.cer', '2025-02-24T00:00:00Z')).toBe('tls.expired: leaf')
    expect(verdict('expired', 'e2m02.cer', '2025-03-05T00:00:00Z')).toBe('tls.expired: leaf')
  })
})

const root = makeRoot()
const other = makeRoot({ subject: 'Another Root' })
const URL_OF_LIST = 'http://crl.example.com/root.crl'
const leaf = makeLeaf(root, {
  extensions: {
    [OID.crlDistributionPoints]: crlAt(URL_OF_LIST, 'ldap://directory.example.com/crl'),
    [OID.authorityInfoAccess]: ocspAt('http://ocsp.example.com/'),
  },
})
const PATH = [leaf.certificate, root.certificate]
const ask = (more: Partial<RevocationQuestion> = {}): RevocationQuestion => ({
  path: PATH,
  policy: POLICY,
  now: NOW,
  family: 'tls',
  collateral: new Map(),
  ...more,
})
const [crlNeed, ocspNeed] = revocationNeeds(ask())
const holding = (id: string | undefined, bytes: Uint8Array, receivedAt = NOW): Collateral =>
  new Map([[id ?? '', { bytes, receivedAt }]])
const withCrl = (bytes: Uint8Array, more: Partial<RevocationQuestion> = {}) =>
  reasonOf(() => checkRevocation(ask({ collateral: holding(crlNeed?.id, bytes), ...more })))
const withOcsp = (bytes: Uint8Array, more: Partial<RevocationQuestion> = {}) =>
  reasonOf(() => checkRevocation(ask({ collateral: holding(ocspNeed?.id, bytes), ...more })))
const withStaple = (bytes: Uint8Array, more: Partial<RevocationQuestion> = {}) =>
  reasonOf(() => checkRevocation(ask({ staple: bytes, ...more })))
const unknown = (detail: string) => `tls.revocation_unknown: ${detail}`
/** Negative: from the end, as signatures differ in length. */
const flipped = (bytes: Uint8Array, at: number): Buffer => {
  const changed = Buffer.from(bytes)
  const place = at < 0 ? changed.length + at : at
  changed[place] = (changed[place] as number) ^ 1
  return changed
}

describe('what is needed', () => {
  it('is the list and the answer that the certificate points to, over http only', () => {
    expect(revocationNeeds(ask()).map(({ kind, urls }) => [kind, urls])).toEqual([
      ['crl', [URL_OF_LIST]],
      ['ocsp', ['http://ocsp.example.com/']],
    ])
    expect(ocspNeed?.contentType).toBe('application/ocsp-request')
  })

  it('is nothing once a staple answers, when one is revoked, or when nobody is to be asked', () => {
    const staple = makeOcsp(leaf.certificate, root)
    expect(revocationNeeds(ask({ staple }))).toEqual([])
    const revoked = makeOcsp(leaf.certificate, root, { status: 'revoked' })
    expect(revocationNeeds(ask({ staple: revoked }))).toEqual([])
    expect(revocationNeeds(ask({ policy: { ...POLICY, mode: 'off' } }))).toEqual([])
  })

  it('is asked for every certificate but the anchor', () => {
    const between = makeIntermediate(root)
    const below = makeLeaf(between)
    const path = [below.certificate, between.certificate, root.certificate]
    const needs = revocationNeeds(ask({ path, policy: { ...POLICY, sources: ['crl'] } }))
    expect(needs.map(({ required, urls }) => [required, urls])).toEqual([
      [true, []],
      [true, []],
    ])
  })
})

describe('modes', () => {
  it('require denies when nobody answers, prefer does not, off asks nobody', () => {
    expect(reasonOf(() => checkRevocation(ask()))).toBe(unknown('no source has an answer'))
    const prefer = { ...POLICY, mode: 'prefer' } as const
    expect(checkRevocation(ask({ policy: prefer }))).toEqual([{ status: 'unknown' }])
    const off = { ...POLICY, mode: 'off' } as const
    expect(checkRevocation(ask({ policy: off }))).toEqual([{ status: 'off' }])
  })

  it('prefer forgives that there was no answer, and not that it was a wrong one', () => {
    const prefer = { ...POLICY, mode: 'prefer' } as const
    const tryLater = der.sequence(der.enumerated(3))
    expect(withOcsp(tryLater, { policy: prefer })).toBeUndefined()
    expect(withCrl(makeCrl(other), { policy: prefer })).toBe(unknown('CRL: of another issuer'))
    expect(withCrl(Buffer.from('<html>'), { policy: prefer })).toMatch(/^tls\.revocation_unknown/)
  })

  it('the first source with an answer counts, and a wrong one is passed over', () => {
    const staple = makeOcsp(leaf.certificate, root, { nextUpdate: NOW - 1000 })
    const collateral = holding(crlNeed?.id, makeCrl(root))
    expect(checkRevocation(ask({ staple, collateral }))).toMatchObject([{ source: 'crl', status: 'good' }]) // biome-ignore format: a row
  })

  it('a list that the operator supplied for the issuer is used where the certificate names another place', () => {
    const plain = revocationNeeds(ask({ path: [makeLeaf(root).certificate, root.certificate] }))[0]
    const collateral = holding(plain?.id, makeCrl(root))
    expect(checkRevocation(ask({ collateral }))).toMatchObject([{ source: 'crl' }])
  })

  it('evidence is refused in the words of evidence', () => {
    const family = 'evidence' as const
    expect(withCrl(makeCrl(root, { revoked: [leaf.certificate] }), { family })).toBe('evidence.revoked: CRL') // biome-ignore format: a row
    expect(reasonOf(() => checkRevocation(ask({ family })))).toMatch(/^evidence\.collateral_missing/) // biome-ignore format: a row
    expect(withCrl(makeCrl(other), { family })).toMatch(/^evidence\.collateral_invalid/)
    expect(withCrl(makeCrl(root, { nextUpdate: NOW - 1000 }), { family })).toMatch(/^evidence\.collateral_stale/) // biome-ignore format: a row
  })
})

describe('a revocation list', () => {
  const idp = (...parts: readonly Buffer[]) => ({
    extensions: {
      [OID.issuingDistributionPoint]: extension(OID.issuingDistributionPoint, der.sequence(...parts), true), // biome-ignore format: a row
    },
  })
  const at = (url: string) => der.explicit(0, der.explicit(0, uri(url)))
  const flag = (n: number) => der.implicit(n, Buffer.from([0xff]))

  it('answers with its times and its number, which are kept', () => {
    const collateral = holding(crlNeed?.id, makeCrl(root, { number: 300 }))
    expect(checkRevocation(ask({ collateral }))).toMatchObject([
      { status: 'good', source: 'crl', thisUpdate: NOW - DAY, nextUpdate: NOW + 7 * DAY, list: { number: '012c'.replace(/^0+/, '') } }, // biome-ignore format: a row
    ])
  })

  it('revokes whom it lists, among many others', () => {
    const others = Array.from({ length: 300 }, (_, i) =>
      der.sequence(der.integer(50_000 + i), der.time(NOW - DAY)),
    )
    expect(withCrl(makeCrl(root, { entries: others }))).toBeUndefined()
    const entries = [...others, entryOf(leaf.certificate), ...others]
    expect(withCrl(makeCrl(root, { entries }))).toBe('tls.revoked: CRL')
  })

  it('with a part that is about users or of the place in the certificate is one for the leaf', () => {
    expect(withCrl(makeCrl(root, idp(at(URL_OF_LIST), flag(1))))).toBeUndefined()
  })

  it.each<[string, Buffer, string]>([
    ['of another issuer', makeCrl(other), 'of another issuer'],
    ['signed by another issuer of the same name', makeCrl(makeRoot()), 'not signed by its issuer'],
    ['with a flipped bit in its list', flipped(makeCrl(root), 120), 'not signed by its issuer|malformed|format|of another|extension'], // biome-ignore format: a row
    ['past its next update', makeCrl(root, { nextUpdate: NOW - 1000 }), 'past its nextUpdate'],
    ['of the future', makeCrl(root, { thisUpdate: NOW + DAY }), 'of the future'],
    ['without a next update', makeCrl(root, { nextUpdate: false }), 'no nextUpdate'],
    ['of version 1', makeCrl(root, { version: 0 }), 'not of version 2'],
    ['without a number', makeCrl(root, { extensions: { [OID.crlNumber]: undefined } }), 'no number'],
    ['with a critical number', makeCrl(root, { extensions: { [OID.crlNumber]: extension(OID.crlNumber, der.integer(7), true) } }), 'extension 2.5.29.20 is critical'],
    ['with an unknown critical extension', makeCrl(root, { extensions: { '1.2.3': extension('1.2.3', der.null(), true) } }), 'extension 1.2.3 is critical'],
    ['of changes only', makeCrl(root, { extensions: { '2.5.29.27': extension('2.5.29.27', der.integer(1), true) } }), 'only what changed'],
    ['for some reasons only', makeCrl(root, idp(der.implicit(3, Buffer.from([1, 0x40])))), 'indirect or partial'],
    ['that is indirect', makeCrl(root, idp(flag(4))), 'indirect or partial'],
    ['about attribute certificates', makeCrl(root, idp(flag(5))), 'about other kinds'],
    ['about authorities', makeCrl(root, idp(flag(2))), 'about other kinds'],
    ['of another distribution point', makeCrl(root, idp(at('http://crl.example.com/2.crl'))), 'of another distribution point'],
    ['with a critical extension in an entry', makeCrl(root, { entries: [entryOf(root.certificate, extension('2.5.29.29', der.null(), true))] }), 'extension 2.5.29.29 is critical'],
    ['with an entry that is none', makeCrl(root, { entries: [der.sequence(der.null())] }), 'CRL entry'],
  ])('%s says nothing', (_, bytes, detail) => {
    expect(withCrl(bytes)).toMatch(new RegExp(`^tls\\.revocation_unknown: .*(?:${detail})`))
  }) // biome-ignore format: a table

  it('that was received too long ago, or has a lower number than one before, says nothing', () => {
    const bytes = makeCrl(root)
    const old = holding(crlNeed?.id, bytes, NOW - 3 * DAY)
    expect(withCrl(bytes, { collateral: old })).toBe(unknown('CRL: received too long ago'))
    const [answer] = checkRevocation(ask({ collateral: holding(crlNeed?.id, bytes) }))
    if (answer?.status !== 'good' || !answer.list) throw new Error('no list')
    const seen = (number: string) => ({ seen: new Map([[answer.list?.name ?? '', number]]) })
    expect(withCrl(bytes, seen('7'))).toBeUndefined()
    expect(withCrl(bytes, seen('8'))).toBe(unknown('CRL: older than one seen before'))
    expect(withCrl(bytes, seen('10'))).toBe(unknown('CRL: older than one seen before'))
  })

  it('of an issuer that may not sign lists says nothing', () => {
    const mute = makeRoot({ extensions: { [OID.keyUsage]: undefined } })
    const between = makeIntermediate(mute, {
      extensions: {
        [OID.keyUsage]: extension(OID.keyUsage, der.bits(Buffer.from([0x04]), 2), true),
      },
    })
    const below = makeLeaf(between)
    const path = [below.certificate, between.certificate]
    const [need] = revocationNeeds(ask({ path }))
    const collateral = holding(need?.id, makeCrl(between))
    expect(reasonOf(() => checkRevocation(ask({ path, collateral })))).toBe(
      unknown('CRL: its issuer may not sign lists'),
    )
  })
})

describe('an OCSP response', () => {
  const of = leaf.certificate
  const responder = makeResponder(root)
  const delegated = (signer = responder) =>
    makeOcsp(of, root, { signer, certificates: [signer.certificate] })

  it('of the issuer is believed, stapled or fetched, by name or by key, by SHA-1 or SHA-256', () => {
    expect(withStaple(makeOcsp(of, root))).toBeUndefined()
    expect(withOcsp(makeOcsp(of, root))).toBeUndefined()
    expect(withOcsp(makeOcsp(of, root, { byKey: true, hash: 'sha256' }))).toBeUndefined()
  })

  it('of a responder that the issuer made for it is believed', () => {
    expect(withOcsp(delegated())).toBeUndefined()
    expect(withOcsp(makeOcsp(of, root, { signer: responder, byKey: true, certificates: [responder.certificate] }))).toBeUndefined() // biome-ignore format: a row
  })

  it('that says revoked denies, also when it is old', () => {
    expect(withOcsp(makeOcsp(of, root, { status: 'revoked' }))).toBe('tls.revoked: OCSP')
    const old = makeOcsp(of, root, { status: 'revoked', nextUpdate: NOW - 1000 })
    expect(withStaple(old)).toBe('tls.revoked: OCSP')
  })

  const withoutPurpose = makeResponder(root, { extensions: { [OID.extKeyUsage]: undefined } })
  const withAnother = makeResponder(root, { extensions: { [OID.extKeyUsage]: purposes(OID.serverAuth) } }) // biome-ignore format: a row
  const withoutNoCheck = makeResponder(root, { extensions: { [OID.ocspNoCheck]: undefined } })
  const expired = makeResponder(root, { notAfter: NOW - 1000 })
  it.each<[string, Buffer, string]>([
    ['with a flipped bit in its signature', flipped(makeOcsp(of, root), -2), 'OCSP: not signed by its responder'],
    ['about another serial number', makeOcsp(of, root, { serial: Buffer.from([5]) }), 'OCSP: about another certificate'],
    ['about a certificate of another issuer', makeOcsp(of, other, { signer: root }), 'OCSP: about another certificate'],
    ['that does not know', makeOcsp(of, root, { status: 'unknown' }), 'OCSP: the responder does not know the certificate'],
    ['past its next update', makeOcsp(of, root, { nextUpdate: NOW - 1000 }), 'OCSP: past its nextUpdate'],
    ['of the future', makeOcsp(of, root, { thisUpdate: NOW + DAY, nextUpdate: NOW + 2 * DAY }), 'OCSP: of the future'],
    ['produced in the future', makeOcsp(of, root, { producedAt: NOW + DAY }), 'OCSP: of the future'],
    ['without an end and too old', makeOcsp(of, root, { nextUpdate: false, thisUpdate: NOW - 3 * DAY }), 'OCSP: too old'],
    ['with an unknown critical extension', makeOcsp(of, root, { singleExtensions: [extension('1.2.3', der.null(), true)] }), 'OCSP: extension 1.2.3 is critical'],
    ['of another authority', makeOcsp(of, root, { signer: other }), 'OCSP: signed by neither the issuer nor a responder that came along'],
    ['of another key with the name of the issuer', makeOcsp(of, root, { signer: makeRoot() }), 'OCSP: not signed by its responder'],
    ['of a responder of another authority', delegated(makeResponder(other)), 'OCSP: the responder is of another issuer'],
    ['of a responder of another authority with the same name', delegated(makeResponder(makeRoot())), 'OCSP: the responder is of another issuer'],
    ['of a responder without a purpose', delegated(withoutPurpose), 'OCSP: the responder may not answer'],
    ['of a responder for another purpose', delegated(withAnother), 'its extended key usage is another'],
    ['of a responder that has expired', delegated(expired), 'has expired'],
    ['of a responder that would have to be asked about', delegated(withoutNoCheck), 'asked about itself'],
    ['of a responder whose certificate did not come along', makeOcsp(of, root, { signer: responder }), 'signed by neither'],
    ['that is no response', Buffer.from('no'), 'document is not of its format'],
  ])('%s says nothing', (_, bytes, detail) => {
    expect(withOcsp(bytes)).toContain('tls.revocation_unknown: ')
    expect(withOcsp(bytes)).toContain(detail)
  }) // biome-ignore format: a table

  it('to another request says nothing, and one that leaves the nonce out does', () => {
    const nonce = Buffer.alloc(16, 1)
    expect(withOcsp(makeOcsp(of, root, { nonce }), { nonce })).toBeUndefined()
    expect(withOcsp(makeOcsp(of, root), { nonce })).toBeUndefined()
    const another = makeOcsp(of, root, { nonce: Buffer.alloc(16, 2) })
    expect(withOcsp(another, { nonce })).toBe(unknown('OCSP: to another request'))
  })

  it('that was fetched too long ago says nothing', () => {
    const collateral = holding(ocspNeed?.id, makeOcsp(of, root), NOW - 3 * DAY)
    expect(withOcsp(Buffer.alloc(0), { collateral })).toBe(unknown('OCSP: received too long ago'))
  })

  it('must be stapled where the certificate promises it (RFC 7633)', () => {
    const promising = makeLeaf(root, {
      extensions: { [OID.tlsFeature]: extension(OID.tlsFeature, der.sequence(der.integer(5))) },
    })
    const path = [promising.certificate, root.certificate]
    const prefer = { ...POLICY, mode: 'prefer', sources: ['crl'] } as const
    expect(reasonOf(() => checkRevocation(ask({ path, policy: prefer })))).toBe(
      unknown('the certificate promises a staple, and none came'),
    )
    const staple = makeOcsp(promising.certificate, root)
    expect(checkRevocation(ask({ path, policy: prefer, staple }))).toMatchObject([
      { source: 'ocsp-staple' },
    ])
  })
})
