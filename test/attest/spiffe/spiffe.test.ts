// Trust bundles, SVIDs against the bundle of their own domain, and federation; bundles and SVIDs of others where there are any, else synthetic.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { readPem } from '../../../src/attest/format/pem.ts'
import { validatePath } from '../../../src/attest/path/validate.ts'
import {
  newerBundle,
  parseSpiffeBundle,
  type SpiffeBundle,
} from '../../../src/attest/spiffe/bundle.ts'
import {
  bundleNeed,
  type Federation,
  receiveBundle,
} from '../../../src/attest/spiffe/federation.ts'
import { verifyJwtSvid } from '../../../src/attest/spiffe/jwt-svid.ts'
import { type ValidatePath, verifyX509Svid } from '../../../src/attest/spiffe/x509-svid.ts'
import { denialOf as refused } from '../denials.ts'
import { ecKeys, type Issued, issue, NOW, rsaKeys, type Wanted } from '../synthetic/authority.ts'
import { jwk, token } from '../synthetic/token.ts'

const FIXTURES = new URL('../../fixtures/attestation/spiffe/', import.meta.url)
const fixture = (name: string): Buffer => readFileSync(new URL(name, FIXTURES))
const DAY = 86_400_000

const bundleOf = (json: unknown, domain = 'prod.test'): SpiffeBundle =>
  parseSpiffeBundle(Buffer.from(JSON.stringify(json)), domain)
const authorityOf = (one: Issued, more: object = {}): object => ({
  ...jwk(one.keys.publicKey),
  use: 'x509-svid',
  x5c: [one.der.toString('base64')],
  ...more,
})

describe('a bundle of others', () => {
  test.each([
    ['spiffebundle_valid_1.json', 1, 1, undefined, 300_000],
    ['spiffebundle_valid_2.json', 1, 6, 1, 300_000],
  ])('%s is read', (name, authorities, keys, sequence, refreshAfter) => {
    const bundle = parseSpiffeBundle(fixture(name), 'domain.test')
    expect(bundle.authorities).toHaveLength(authorities)
    expect(bundle.jwtKeys).toHaveLength(keys)
    expect(bundle).toMatchObject({ trustDomain: 'domain.test', sequence, refreshAfter })
  })

  test.each([
    ['spiffebundle_missing_kid.json', 'evidence.collateral_invalid: SPIFFE bundle: a JWT key without kid'],
    ['spiffebundle_no_keys.json', 'evidence.collateral_invalid: SPIFFE bundle: no keys'],
  ])('%s is refused', (name, why) =>
    expect(refused(() => parseSpiffeBundle(fixture(name), 'domain.test'))).toBe(why)) // biome-ignore format: a table

  test('without a use has no keys of ours', () => {
    const bundle = parseSpiffeBundle(fixture('jwks_valid_1.json'), 'domain.test')
    expect(bundle.authorities.length + bundle.jwtKeys.length).toBe(0)
  })
})

describe('a bundle', () => {
  const root = issue({ name: 'root', keys: ecKeys(), isAuthority: true })
  const other = issue({ name: 'other', keys: ecKeys(), isAuthority: true })
  const keys = [authorityOf(root), jwk(root.keys.publicKey, { use: 'jwt-svid', kid: 'a' })]

  test('with an empty list of keys trusts nobody any more', () =>
    expect(bundleOf({ keys: [], spiffe_sequence: 9 })).toMatchObject({
      authorities: [],
      jwtKeys: [],
      sequence: 9,
    }))

  test('takes the first certificate of an entry only', () => {
    const x5c = [root.der.toString('base64'), other.der.toString('base64')]
    const { authorities } = bundleOf({ keys: [authorityOf(root, { x5c })] })
    expect(authorities.map(({ der }) => Buffer.from(der))).toEqual([root.der])
  })

  test('leaves out entries of unknown types and uses, and authorities without a certificate', () => {
    const others = [{ kty: 'OKP', use: 'x509-svid' }, authorityOf(root, { use: 'future' }), authorityOf(root, { x5c: undefined })] // biome-ignore format: one line
    expect(bundleOf({ keys: others }).authorities).toEqual([])
    expect(bundleOf({ keys: [...others, ...keys], more: 1 }).jwtKeys).toHaveLength(1)
  })

  test.each([
    ['a kid at an authority', { keys: [authorityOf(root, { kid: 'a' })] }],
    ['x5c that is empty', { keys: [authorityOf(root, { x5c: [] })] }],
    ['x5c that is no certificate', { keys: [authorityOf(root, { x5c: ['AAAA'] })] }],
    ['a JWT key with an empty kid', { keys: [jwk(root.keys.publicKey, { use: 'jwt-svid', kid: '' })] }],
    ['two JWT keys of one kid', { keys: [keys[1], keys[1]] }],
    ['a sequence that is a text', { keys, spiffe_sequence: '1' }],
    ['a sequence below zero', { keys, spiffe_sequence: -1 }],
    ['a sequence that is a fraction', { keys, spiffe_sequence: 1.5 }],
    ['a sequence that cannot be told from the next', { keys, spiffe_sequence: 2 ** 53 }],
    ['a hint that is a text', { keys, spiffe_refresh_hint: '1' }],
    ['keys that are no list', { keys: {} }],
    ['a list for a bundle', []],
    ['65 keys', { keys: Array(65).fill(keys[0]) }],
  ])('is refused with %s', (_, json) =>
    expect(refused(() => bundleOf(json))).toMatch(/^evidence.collateral_invalid: /)) // biome-ignore format: a table

  test('is of a domain that can be one', () => {
    for (const domain of ['', 'Prod', 'prod.test/a', 'a b'])
      expect(refused(() => bundleOf({ keys }, domain))).toMatch(/^evidence.collateral_invalid: /)
  })

  test('is asked for anew when it says, but not before five minutes nor after a day', () => {
    const after = (hint: number) => bundleOf({ keys, spiffe_refresh_hint: hint }).refreshAfter
    expect([0, 60, 600, 2 ** 40].map(after)).toEqual([300_000, 300_000, 600_000, DAY])
  })

  test('holds unless one of a lower number comes', () => {
    const of = (sequence: number | undefined, of: object[] = keys) =>
      bundleOf({ keys: of, spiffe_sequence: sequence })
    const [known, next] = [of(5), of(6, [])]
    expect(newerBundle(undefined, known)).toBe(known)
    expect(newerBundle(known, next)).toBe(next)
    expect(newerBundle(known, of(5, []))).toBe(known)
    const numberless = of(undefined, [])
    expect(newerBundle(of(undefined), numberless)).toBe(numberless)
    for (const older of [of(4), numberless])
      expect(refused(() => newerBundle(known, older))).toBe('evidence.collateral_stale: SPIFFE bundle: spiffe_sequence') // biome-ignore format: one line
    expect(refused(() => newerBundle(known, bundleOf({ keys }, 'other.test')))).toBe(
      'evidence.collateral_invalid: SPIFFE bundle: another trust domain',
    )
  })
})

describe('a JWT-SVID', () => {
  const keys = ecKeys()
  const bundle = bundleOf({ keys: [jwk(keys.publicKey, { use: 'jwt-svid', kid: 'k' })] })
  const CHECK = {
    bundleOf: (domain: string) => (domain === 'prod.test' ? bundle : undefined),
    audiences: ['https://gateway.test'],
    now: NOW,
    skew: 30_000,
  }
  const CLAIMS = {
    sub: 'spiffe://prod.test/mcp/files',
    aud: ['a', 'https://gateway.test'],
    exp: NOW / 1000 + 60,
  }
  const made = (claims: object = {}, header: object = {}, by = keys) =>
    token({ alg: 'ES256', kid: 'k', ...header }, { ...CLAIMS, ...claims }, by.privateKey)
  const verdict = (bytes: Uint8Array) => refused(() => verifyJwtSvid(bytes, CHECK))

  test('is an id until its end', () =>
    expect(verifyJwtSvid(made(), CHECK)).toEqual({
      id: 'spiffe://prod.test/mcp/files',
      trustDomain: 'prod.test',
      goodUntil: NOW + 60_000,
    }))

  test.each(['JWT', 'JOSE'])('may be of type %s', (typ) =>
    expect(verdict(made({}, { typ }))).toBe('none'),
  )

  test.each([
    ['another type', {}, { typ: 'at+jwt' }, 'evidence.malformed: JWT-SVID: typ'],
    ['no algorithm', {}, { alg: 'none' }, 'evidence.weak_algorithm: JWT-SVID: alg'],
    ['a secret', {}, { alg: 'HS256' }, 'evidence.weak_algorithm: JWT-SVID: alg'],
    ['its own key', {}, { jwk: jwk(keys.publicKey) }, 'evidence.offered_key: JWT-SVID: jwk'],
    ['a key that is not in the bundle', {}, { kid: 'x' }, 'evidence.unknown_key: JWT-SVID'],
    ['no kid', {}, { kid: undefined }, 'evidence.unknown_key: JWT-SVID'],
    ['no subject', { sub: undefined }, {}, 'evidence.malformed: SPIFFE id: no spiffe://'],
    ['a subject that is a domain', { sub: 'spiffe://prod.test' }, {}, 'evidence.malformed: JWT-SVID: sub is a trust domain'],
    ['a domain that is not trusted', { sub: 'spiffe://other.test/a' }, {}, 'evidence.untrusted_root: JWT-SVID: trust domain'],
    ['another audience', { aud: 'https://gateway.test/x' }, {}, 'evidence.issuer: JWT-SVID: aud'],
    ['no audience', { aud: undefined }, {}, 'evidence.issuer: JWT-SVID: aud'],
    ['an empty audience', { aud: [] }, {}, 'evidence.issuer: JWT-SVID: aud'],
    ['an audience that is an object', { aud: [['https://gateway.test']] }, {}, 'evidence.issuer: JWT-SVID: aud'],
    ['too many audiences', { aud: Array(33).fill('https://gateway.test') }, {}, 'evidence.issuer: JWT-SVID: aud'],
    ['no end', { exp: undefined }, {}, 'evidence.malformed: JWT-SVID: exp is required'],
    ['its end over', { exp: NOW / 1000 - 30 }, {}, 'evidence.expired: JWT-SVID'],
    ['a beginning to come', { nbf: NOW / 1000 + 31 }, {}, 'evidence.not_yet_valid: JWT-SVID'],
    ['a date of issue to come', { iat: NOW / 1000 + 31 }, {}, 'evidence.not_yet_valid: JWT-SVID'],
  ])('is refused with %s', (_, claims, header, why) =>
    expect(verdict(made(claims, header))).toBe(why)) // biome-ignore format: a table

  test('of another key is refused', () =>
    expect(verdict(made({}, {}, ecKeys()))).toBe('evidence.signature: JWT-SVID'))

  test('is not taken by the bundle of another domain, whoever hands it over', () => {
    const wrong = { ...CHECK, bundleOf: () => bundle }
    const act = () => verifyJwtSvid(made({ sub: 'spiffe://other.test/a' }), wrong)
    expect(refused(act)).toBe('evidence.untrusted_root: JWT-SVID: trust domain')
  })

  test('is refused after its domain revoked everything', () => {
    const revoked = { ...CHECK, bundleOf: () => bundleOf({ keys: [] }) }
    expect(refused(() => verifyJwtSvid(made(), revoked))).toBe('evidence.unknown_key: JWT-SVID')
  })

  test('by RSA holds as well', () => {
    const rsa = rsaKeys()
    const of = bundleOf({ keys: [jwk(rsa.publicKey, { use: 'jwt-svid', kid: 'k' })] })
    for (const alg of ['RS256', 'PS512'])
      expect(verifyJwtSvid(made({}, { alg }, rsa), { ...CHECK, bundleOf: () => of }).trustDomain).toBe('prod.test') // biome-ignore format: one line
  })
})

describe('an X.509-SVID', () => {
  const validate: ValidatePath = (chain, anchors, now) =>
    validatePath({
      chain,
      anchors: anchors.map((certificate, at) => ({ id: String(at), certificate })),
      now,
      family: 'tls',
      profile: 'plain',
    }).path
  const domain = (name: string) =>
    issue({ name, keys: ecKeys(), isAuthority: true, uris: [`spiffe://${name}`] })
  const [prod, other] = [domain('prod.test'), domain('other.test')]
  const bundles = new Map([
    ['prod.test', bundleOf({ keys: [authorityOf(prod)] })],
    ['other.test', bundleOf({ keys: [authorityOf(other)] }, 'other.test')],
  ])
  const of = (name: string) => bundles.get(name)
  const leaf = (more: Partial<Wanted> = {}, issuer = prod) =>
    issue({ name: 'leaf', keys: ecKeys(), issuer, uris: ['spiffe://prod.test/a'], ...more })
  const verdict = (...chain: Issued[]) =>
    refused(() =>
      verifyX509Svid(
        chain.map(({ der }) => Certificate.parse(der)),
        of,
        validate,
        NOW,
      ),
    )

  test('holds by the bundle of its own domain, as long as everything in its path', () => {
    const middle = issue({ name: 'middle', keys: ecKeys(), issuer: prod, isAuthority: true, notAfter: NOW + 1000 }) // biome-ignore format: one line
    const chain = [leaf({}, middle), middle].map(({ der }) => Certificate.parse(der))
    expect(verifyX509Svid(chain, of, validate, NOW)).toEqual({
      id: 'spiffe://prod.test/a',
      trustDomain: 'prod.test',
      goodUntil: NOW + 1000,
    })
  })

  test('is not vouched for by another domain', () => {
    expect(verdict(leaf({}, other))).toMatch(/^tls.untrusted_anchor/)
    expect(verdict(leaf({ uris: ['spiffe://third.test/a'] }))).toBe(
      'tls.untrusted_anchor: the bundle of the trust domain',
    )
  })

  test('is refused after its domain revoked everything', () => {
    const chain = [Certificate.parse(leaf().der)]
    const revoked = () => verifyX509Svid(chain, () => bundleOf({ keys: [] }), validate, NOW)
    expect(refused(revoked)).toBe('tls.untrusted_anchor: the bundle of the trust domain')
  })

  const below = (more: Partial<Wanted>): [Issued, Issued] => {
    const middle = issue({ name: 'middle', keys: ecKeys(), issuer: prod, isAuthority: true, ...more }) // biome-ignore format: one line
    return [leaf({}, middle), middle]
  }
  test.each([
    ['no certificate', [], 'tls.svid: no certificate'],
    ['two ids', [leaf({ uris: ['spiffe://prod.test/a', 'spiffe://prod.test/b'] })], 'tls.svid: more than one URI in subjectAltName'],
    ['no id', [leaf({ uris: [], dns: ['a.test'] })], 'tls.svid: no URI in subjectAltName'],
    ['another URI', [leaf({ uris: ['https://prod.test/a'] })], 'tls.svid: SPIFFE id: no spiffe://'],
    ['the id of a domain', [leaf({ uris: ['spiffe://prod.test'] })], 'tls.svid: the id of a trust domain, not of a workload'],
    ['no keyUsage', [leaf({ usage: null })], 'tls.svid: keyUsage is absent or not critical'],
    ['keyUsage that is not critical', [leaf({ usageIsCritical: false })], 'tls.svid: keyUsage is absent or not critical'],
    ['cRLSign', [leaf({ usage: [1, 0x82] })], 'tls.svid: keyUsage of an authority'],
    ['one purpose of two', [leaf({ purposes: ['1.3.6.1.5.5.7.3.1'] })], 'tls.svid: extKeyUsage without both serverAuth and clientAuth'],
    ['an issuer with the id of a workload', below({ uris: ['spiffe://prod.test/ca'] }), 'tls.svid: an issuer with the id of a workload'],
    ['an issuer whose keyUsage is not critical', below({ usageIsCritical: false }), 'tls.svid: keyUsage is absent or not critical'],
    ['its end over', [leaf({ notAfter: NOW - 1000 })], 'tls.expired: leaf'],
  ])('is refused with %s', (_, chain, why) => expect(verdict(...chain)).toBe(why)) // biome-ignore format: a table

  test('may have names of other kinds and both purposes', () =>
    expect(
      verdict(leaf({ dns: ['a.test'], purposes: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] })),
    ).toBe('none'))

  test('of others holds at its time by the authority that issued it', () => {
    const chain = readPem(fixture('good-leaf-and-intermediate.pem').toString()).map(({ bytes }) =>
      Certificate.parse(bytes),
    )
    const x5c = [Buffer.from((chain[1] as Certificate).der).toString('base64')]
    const bundle = bundleOf({ keys: [{ kty: 'EC', use: 'x509-svid', x5c }] }, 'example.org')
    const at = (time: string) => () => verifyX509Svid(chain, () => bundle, validate, Date.parse(time)) // biome-ignore format: one line
    expect(at('2020-03-24T14:30:00Z')().id).toBe('spiffe://example.org/workload-1')
    expect(refused(at('2020-03-24T15:30:00Z'))).toMatch(/^tls.expired/)
    expect(refused(at('2026-11-28T00:00:00Z'))).toMatch(/^tls.expired/)
  })
})

describe('federation', () => {
  const WEB: Federation = { trust_domain: 'prod.test', url: 'https://prod.test/bundle', profile: 'https_web' } // biome-ignore format: one line
  const SPIFFE: Federation = { ...WEB, profile: 'https_spiffe', endpoint_spiffe_id: 'spiffe://prod.test/bundle-endpoint' } // biome-ignore format: one line
  const answer = (json: object) =>
    new Map([['bundle:prod.test', { bytes: Buffer.from(JSON.stringify(json)), receivedAt: NOW }]])

  test('asks one endpoint, follows no redirect, and says how the endpoint shows itself', () => {
    expect(bundleNeed(WEB)).toEqual({
      id: 'bundle:prod.test',
      kind: 'bundle',
      urls: ['https://prod.test/bundle'],
      required: true,
      trustDomain: 'prod.test',
      redirects: false,
      endpoint: { profile: 'https_web' },
    })
    expect(bundleNeed(SPIFFE).endpoint).toMatchObject({
      profile: 'https_spiffe',
      trustDomain: 'prod.test',
      rule: { match: 'exact', id: { text: 'spiffe://prod.test/bundle-endpoint' } },
    })
  })

  test.each([
    ['http', { ...WEB, url: 'http://prod.test/bundle' }, 'policy.error: federation: url'],
    ['no URL', { ...WEB, url: 'prod.test' }, 'policy.error: federation: url'],
    ['a user in the URL', { ...WEB, url: 'https://a@prod.test/' }, 'policy.error: federation: url'],
    ['a fragment', { ...WEB, url: 'https://prod.test/#a' }, 'policy.error: federation: url'],
    ['no domain', { ...WEB, trust_domain: 'Prod' }, 'policy.error: federation: trust_domain'],
    ['a path in the domain', { ...WEB, trust_domain: 'prod.test/a' }, 'policy.error: federation: trust_domain'],
    ['https_spiffe without an id', { ...WEB, profile: 'https_spiffe' } as const, 'policy.error: federation: https_spiffe needs endpoint_spiffe_id'],
    ['https_web with an id', { ...SPIFFE, profile: 'https_web' } as const, 'policy.error: federation: an endpoint of https_web has no SPIFFE id'],
    ['any id of a domain', { ...SPIFFE, endpoint_spiffe_id: 'spiffe://prod.test/*' }, 'policy.error: federation: endpoint_spiffe_id is one id'],
  ])('cannot be configured with %s', (_, federation, why) =>
    expect(refused(() => bundleNeed(federation))).toBe(why)) // biome-ignore format: a table

  test('keeps the answer to the domain that was asked, and the order of its numbers', () => {
    const need = bundleNeed(WEB)
    const known = receiveBundle(need, answer({ keys: [], spiffe_sequence: 5 }), undefined)
    expect(known).toMatchObject({ trustDomain: 'prod.test', sequence: 5 })
    expect(receiveBundle(need, new Map(), known)).toBe(known)
    expect(refused(() => receiveBundle(need, new Map(), undefined))).toBe('evidence.collateral_missing: SPIFFE bundle') // biome-ignore format: one line
    expect(refused(() => receiveBundle(need, answer({ keys: [], spiffe_sequence: 4 }), known))).toMatch(/^evidence.collateral_stale/) // biome-ignore format: one line
  })
})
