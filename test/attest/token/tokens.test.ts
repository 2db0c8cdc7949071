// Tokens of the three issuers, synthetic where no genuine one is to be had: what is genuine, and what policy wants of it.
import { describe, expect, test } from 'vitest'
import type { Verifier } from '../../../src/attest/evidence/evidence.ts'
import {
  confidentialSpace,
  createConfidentialSpace,
} from '../../../src/attest/token/confidential-space.ts'
import { gcpAudience, gcpIdentity } from '../../../src/attest/token/gcp-identity.ts'
import type { TokenIssuer, TokenPolicy } from '../../../src/attest/token/issuers.ts'
import { maa } from '../../../src/attest/token/maa.ts'
import { denialOf } from '../denials.ts'
import { NOW } from '../synthetic/authority.ts'
import * as made from '../synthetic/issuers.ts'
import { token } from '../synthetic/token.ts'
import { readFixture } from '../vectors.ts'

type Change = Partial<TokenIssuer>
const SPACE = { type: 'confidential-space', image_digests: [made.IMAGE], revocation: 'prefer' } as const // biome-ignore format: one line
const IDENTITY = { type: 'gcp-identity', projects: ['p1'] } as const
const MAA = {
  type: 'maa',
  provider: made.PROVIDER,
  reference: { launch_measurement: { [`sha384:${made.LAUNCH}`]: { id: 'rv:cvm' } } },
  min_tcb: { bl: 3, tee: 0, snp: 8, ucode: 115 },
} as const

const policyOf = (...issuers: object[]): TokenPolicy => ({ issuers: issuers as TokenIssuer[] })

/** Verified, then appraised by one issuer. */
const outcome = (
  verifier: Verifier<TokenPolicy>,
  item: Parameters<typeof verifier.verify>[0],
  at: Parameters<typeof verifier.verify>[1],
  ...issuers: object[]
) =>
  denialOf(() =>
    verifier.appraise(verifier.verify(item, at), policyOf(...issuers), { now: at.now }),
  )

describe('Confidential Space', () => {
  const AT = made.at({ roots: made.SPACE_ROOTS })
  const of = (claims: object, change: Change = {}) =>
    outcome(confidentialSpace, made.spaceToken(claims), AT, { ...SPACE, ...change })
  const container = (more: object) => ({
    submods: {
      ...made.SPACE_CLAIMS.submods,
      container: { ...made.SPACE_CLAIMS.submods.container, ...more },
    },
  })

  test('with a chain is accepted, and called synthetic for its root', () => {
    const claims = confidentialSpace.verify(made.spaceToken(), AT)
    expect(claims).toMatchObject({
      anchor: 'synthetic-google',
      synthetic: true,
      binding: 'matched',
    })
    expect(of({})).toBe('none')
  })

  test('needs nothing with a chain, and the published keys without one', () => {
    const policy = policyOf(SPACE)
    expect(confidentialSpace.needs?.(made.spaceToken(), policy)).toEqual([])
    expect(confidentialSpace.needs?.(made.spaceToken({}, {}), policy)).toEqual([
      {
        id: `jwks:${made.GOOGLE}`,
        kind: 'jwks',
        urls: [
          'https://www.googleapis.com/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com',
        ],
        required: true,
      },
    ])
  })

  test('signed by a published key is accepted without a list of revoked certificates', () => {
    const at = made.at({ collateral: made.keysOf(made.GOOGLE) })
    const required = { ...SPACE, revocation: 'require' }
    expect(outcome(confidentialSpace, made.spaceToken({}, {}), at, required)).toBe('none')
    const claims = confidentialSpace.verify(made.spaceToken({}, {}), at)
    expect(claims.anchor).toBe(`jwks:${made.GOOGLE}`)
    expect(claims.collateral).toMatchObject([{ kind: 'jwks', nextUpdate: NOW + 86_400_000 }])
  })

  test('signed by keys that are a day old is stale', () => {
    const at = made.at({ collateral: made.keysOf(made.GOOGLE, NOW - 86_400_001) })
    expect(outcome(confidentialSpace, made.spaceToken({}, {}), at, SPACE)).toBe(
      'evidence.collateral_stale: confidential-space: keys',
    )
  })

  test('asks for the lists of its chain where somebody reads them', () => {
    const lengths: number[] = []
    const reading = createConfidentialSpace({
      needs: (chain) => {
        lengths.push(chain.length)
        return []
      },
      check: () => ({
        isChecked: true,
        pointsToList: true,
        collateral: [{ kind: 'crl', sha256: 'aa' }],
      }),
    })
    expect(reading.needs?.(made.spaceToken(), policyOf(SPACE))).toEqual([])
    expect(lengths).toEqual([3])
    const claims = reading.verify(made.spaceToken(), AT)
    expect(claims.collateral).toEqual([{ kind: 'crl', sha256: 'aa' }])
    expect(claims.flags.revocation).toBe('checked')
    expect(outcome(reading, made.spaceToken(), AT, { ...SPACE, revocation: 'require' })).toBe('none') // biome-ignore format: one line
  })

  test('has the binder among its nonces, up to six', () => {
    const nonce = made.SPACE_CLAIMS.eat_nonce
    expect(of({ eat_nonce: ['another-nonce', nonce] })).toBe('none')
    for (const eat_nonce of [undefined, '', [], 1, [1], [[nonce]], { nonce }, `${nonce}A`, nonce.slice(0, -1)]) // biome-ignore format: one line
      expect(of({ eat_nonce })).toBe('evidence.nonce_mismatch: confidential-space')
    expect(of({ eat_nonce: Array(7).fill(nonce) })).toBe(
      'evidence.malformed: confidential-space: eat_nonce',
    )
  })

  test('without a challenge says that freshness was not checked', () =>
    expect(
      confidentialSpace.verify(made.spaceToken(), { ...AT, expected: undefined }).binding,
    ).toBe('not checked'))

  test('never answers an empty challenge', () => {
    const expected = { kind: 'exact', bytes: new Uint8Array() } as const
    const act = () =>
      confidentialSpace.verify(made.spaceToken({ eat_nonce: '' }), { ...AT, expected })
    expect(denialOf(act)).toBe('evidence.nonce_mismatch: confidential-space')
  })

  test.each([
    ['another issuer', { iss: made.ACCOUNTS }, 'evidence.issuer: confidential-space: iss'],
    ['the audience of the token service', { aud: 'https://sts.googleapis.com' }, 'evidence.issuer: confidential-space: aud'],
    ['several audiences', { aud: ['portcullis-att-v1'] }, 'evidence.issuer: confidential-space: aud'],
    ['no audience', { aud: undefined }, 'evidence.issuer: confidential-space: aud'],
    ['debugging', { dbgstat: 'enabled' }, 'evidence.debug: confidential-space: dbgstat'],
    ['debugging that was on', { dbgstat: 'disabled' }, 'evidence.debug: confidential-space: dbgstat'],
    ['nothing said of debugging', { dbgstat: undefined }, 'evidence.debug: confidential-space: dbgstat'],
    ['other software', { swname: 'GCE' }, 'evidence.configuration: confidential-space: swname'],
    ['a machine that is not confidential', { hwmodel: 'GCP_SHIELDED_VM' }, 'evidence.product: confidential-space: hwmodel'],
    ['secure boot off', { secboot: false }, 'evidence.configuration: confidential-space: secboot'],
    ['secure boot as a text', { secboot: 'true' }, 'evidence.configuration: confidential-space: secboot'],
    ['a TCB out of date', { tdx: { gcp_attester_tcb_status: 'OutOfDate' } }, 'evidence.tcb_low: confidential-space: gcp_attester_tcb_status'],
    ['no TCB', { tdx: {} }, 'evidence.tcb_low: confidential-space: gcp_attester_tcb_status'],
    ['no submods', { submods: {} }, 'evidence.configuration: confidential-space: support_attributes'],
    ['no exp', { exp: undefined }, 'evidence.malformed: confidential-space: exp and iat are required'],
    ['exp as a text', { exp: '1' }, 'evidence.malformed: confidential-space: exp'],
    ['exp before iat', { exp: made.SECONDS - 20 }, 'evidence.malformed: confidential-space: exp is before iat'],
    ['exp over', { iat: made.SECONDS - 100, exp: made.SECONDS - 30 }, 'evidence.expired: confidential-space'],
    ['nbf to come', { nbf: made.SECONDS + 31 }, 'evidence.not_yet_valid: confidential-space'],
    ['iat to come', { iat: made.SECONDS + 31 }, 'evidence.not_yet_valid: confidential-space'],
    ['a time beyond all', { exp: 1e300 }, 'evidence.malformed: confidential-space: exp'],
    ['another image', container({ image_digest: `sha256:${'00'.repeat(32)}` }), 'evidence.measurement_unlisted: image_digest'],
    ['no image', container({ image_digest: undefined }), 'evidence.measurement_unlisted: image_digest'],
    ['other arguments', container({ cmd_override: ['--debug'] }), 'evidence.configuration: confidential-space: cmd_override'],
    ['another environment', container({ env_override: { LD_PRELOAD: 'x' } }), 'evidence.configuration: confidential-space: env_override'],
  ])('is refused with %s', (_, claims, why) => expect(of(claims)).toBe(why)) // biome-ignore format: a table

  test('is accepted with what policy allows beyond the defaults', () => {
    expect(of({ dbgstat: 'enabled' }, { allow_debug: true })).toBe('none')
    expect(of({ aud: 'x' }, { audiences: ['x'] })).toBe('none')
    const override = container({ cmd_override: ['a'], env_override: { A: '1', B: '2' } })
    const both = { allow_cmd_override: true, env_override: ['A', 'B'] }
    expect(of(override, both)).toBe('none')
    expect(of(override, { ...both, env_override: ['A,B'] })).toMatch(/env_override$/)
    expect(of(container({ cmd_override: [], env_override: {} }))).toBe('none')
    expect(of({ hwmodel: 'GCP_AMD_SEV', tdx: {} }, { hwmodels: ['GCP_AMD_SEV'] })).toBe('none')
  })

  test('that is debuggable is contraindicated even where policy takes it', () => {
    const claims = confidentialSpace.verify(made.spaceToken({ dbgstat: 'enabled' }), AT)
    const policy = policyOf({ ...SPACE, allow_debug: true })
    const { trust, warnings } = confidentialSpace.appraise(claims, policy, { now: NOW })
    expect(trust.configuration).toBe(96)
    expect(warnings).toEqual(['debug is on', 'revocation was not checked'])
  })

  test('may be wanted by any issuer of the policy; when none does, the first one says why', () => {
    const at = { ...AT }
    const debug = { ...SPACE, audiences: ['x'] }
    expect(outcome(confidentialSpace, made.spaceToken(), at, MAA, debug, SPACE)).toBe('none')
    expect(
      outcome(confidentialSpace, made.spaceToken(), at, debug, { ...SPACE, hwmodels: [] }),
    ).toBe('evidence.issuer: confidential-space: aud')
  })

  test('is refused once the reference value of its image has ended', () => {
    const reference = { image_digest: { [made.IMAGE]: { id: 'rv:1', notAfter: NOW - 1 } } }
    const ended = { type: 'confidential-space', reference, revocation: 'prefer' }
    expect(outcome(confidentialSpace, made.spaceToken(), AT, ended)).toMatch(
      /^evidence.measurement_unlisted/,
    )
  })
})

describe('the identity of a machine of Google', () => {
  const AT = made.at({ collateral: made.keysOf(made.ACCOUNTS) })
  const of = (claims: object, change: object = {}) =>
    outcome(gcpIdentity, made.identityToken(claims), AT, { ...IDENTITY, ...change })

  test('is accepted as an identity, with the binder for its audience', () => {
    expect(of({})).toBe('none')
    const claims = gcpIdentity.verify(made.identityToken(), AT)
    expect(claims).toMatchObject({
      attests: 'identity',
      binding: 'matched',
      flags: { project: 'p1', zone: 'z1', service_account: 'robot@p1.test' },
    })
    expect(claims.hardwareSha256).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(claims)).not.toContain('"42"')
    expect(gcpAudience(made.BINDER)).toBe(made.IDENTITY_CLAIMS.aud)
  })

  test('needs the keys that Google publishes', () =>
    expect(gcpIdentity.needs?.(made.identityToken(), policyOf(IDENTITY))).toMatchObject([
      { id: `jwks:${made.ACCOUNTS}`, urls: ['https://www.googleapis.com/oauth2/v3/certs'] },
    ]))

  test.each([
    ['another issuer', { iss: 'accounts.google.com' }, 'evidence.issuer: gcp-identity: iss'],
    ['the audience of somebody else', { aud: 'portcullis:' }, 'evidence.nonce_mismatch: gcp-identity'],
    ['the binder alone', { aud: made.BINDER.toString('base64url') }, 'evidence.nonce_mismatch: gcp-identity'],
    ['a list of audiences', { aud: [made.IDENTITY_CLAIMS.aud] }, 'evidence.nonce_mismatch: gcp-identity'],
    ['no machine', { google: {} }, 'evidence.malformed: gcp-identity: no machine; ask for format=full'],
    ['another project', { google: { compute_engine: { ...made.MACHINE, project_id: 'p2' } } }, 'evidence.issuer: gcp-identity: project_id'],
    ['its end over', { exp: made.SECONDS - 5, iat: made.SECONDS - 4000 }, 'none'],
    ['its end over by more than clocks may differ', { exp: made.SECONDS - 30, iat: made.SECONDS - 4000 }, 'evidence.expired: gcp-identity'],
  ])('with %s: %s', (_, claims, why) => expect(of(claims)).toBe(why)) // biome-ignore format: a table

  test('is refused in another zone or under another account, where policy says which', () => {
    expect(of({}, { zones: ['z2'] })).toBe('evidence.issuer: gcp-identity: zone')
    expect(of({}, { service_accounts: ['x'] })).toBe('evidence.issuer: gcp-identity: email')
    const accounts = { service_accounts: ['robot@p1.test'], zones: ['z1'] }
    expect(of({}, accounts)).toBe('none')
    expect(of({ email_verified: false }, accounts)).toBe('evidence.issuer: gcp-identity: email')
    expect(of({}, { projects: [] })).toBe('evidence.issuer: gcp-identity: project_id')
  })
})

describe('a token of MAA', () => {
  const AT = made.at({ collateral: made.keysOf(made.PROVIDER) })
  const of = (claims: object, change: object = {}) =>
    outcome(maa, made.maaToken(claims), AT, { ...MAA, ...change })
  const tee = (more: object) => ({ 'x-ms-isolation-tee': { ...made.TEE, ...more } })
  const nonce = (value: unknown) => ({ 'x-ms-runtime': { 'client-payload': { nonce: value } } })

  test('is accepted, and says what it is of', () => {
    const claims = maa.verify(made.maaToken(), AT)
    expect(claims).toMatchObject({
      attests: 'platform',
      product: 'sevsnpvm',
      tcb: { bl: 3, tee: 0, snp: 8, ucode: 115 },
      measurements: { launch_measurement: `sha384:${made.LAUNCH}` },
      flags: { debug: false, vmpl: 0, migration: false, secure_boot: true },
    })
    const { matched } = maa.appraise(claims, policyOf(MAA), { now: NOW })
    expect(matched).toEqual(['rv:cvm'])
  })

  test('needs the keys of its provider where the policy names that provider, and nobody else’s', () => {
    expect(maa.needs?.(made.maaToken({}, { jku: 'https://evil.test' }), policyOf(MAA))).toEqual([
      {
        id: `jwks:${made.PROVIDER}`,
        kind: 'jwks',
        urls: [`${made.PROVIDER}/certs`],
        required: true,
      },
    ])
    const act = (iss: unknown) => denialOf(() => maa.needs?.(made.maaToken({ iss }), policyOf(MAA)))
    for (const iss of ['https://evil.test', undefined, 1, `${made.PROVIDER}/`])
      expect(act(iss)).toBe('evidence.issuer: maa: iss')
  })

  test('has the binder as bytes or as text, in either alphabet', () => {
    const text = made.BINDER.toString('base64url')
    for (const value of [made.nonceOf(made.BINDER), text, made.nonceOf(text)])
      expect(of(nonce(value))).toBe('none')
    const off = Buffer.from(made.BINDER)
    off[63] = (off[63] as number) ^ 1
    for (const value of [undefined, '', 1, made.nonceOf(off), made.nonceOf(text.slice(1)), `${text}=`, ` ${text}`, made.nonceOf(`${text}A`)]) // biome-ignore format: one line
      expect(of(nonce(value))).toBe('evidence.nonce_mismatch: maa')
  })

  test.each([
    ['another provider', { iss: 'https://other.attest.test' }, 'evidence.collateral_missing: maa: the keys of its issuer'],
    ['no provider', { iss: undefined }, 'evidence.issuer: maa: iss'],
    ['another kind of machine', tee({ 'x-ms-attestation-type': 'tdxvm' }), 'evidence.unsupported: maa: x-ms-isolation-tee'],
    ['no machine', { 'x-ms-isolation-tee': undefined }, 'evidence.unsupported: maa: x-ms-isolation-tee'],
    ['another kind of token', { 'x-ms-attestation-type': 'sgx' }, 'evidence.configuration: maa: x-ms-attestation-type'],
    ['debugging', tee({ 'x-ms-sevsnpvm-is-debuggable': true }), 'evidence.debug: maa: a debugger is on'],
    ['nothing said of debugging', tee({ 'x-ms-sevsnpvm-is-debuggable': undefined }), 'evidence.debug: maa: a debugger is on'],
    ['a kernel debugger', { 'x-ms-azurevm-kerneldebug-enabled': true }, 'evidence.debug: maa: a debugger is on'],
    ['a boot debugger', { 'x-ms-azurevm-bootdebug-enabled': true }, 'evidence.debug: maa: a debugger is on'],
    ['test signing', { 'x-ms-azurevm-testsigning-enabled': true }, 'evidence.debug: maa: a debugger is on'],
    ['VMPL 1', tee({ 'x-ms-sevsnpvm-vmpl': 1 }), 'evidence.privilege: maa: vmpl'],
    ['migration', tee({ 'x-ms-sevsnpvm-migration-allowed': true }), 'evidence.migration: maa: allowed'],
    ['no compliance', tee({ 'x-ms-compliance-status': 'none' }), 'evidence.configuration: maa: x-ms-compliance-status'],
    ['secure boot off', { secureboot: false }, 'evidence.configuration: maa: secureboot'],
    ['an old microcode', tee({ 'x-ms-sevsnpvm-microcode-svn': 114 }), 'evidence.tcb_low: maa: ucode'],
    ['a version as a text', tee({ 'x-ms-sevsnpvm-snpfw-svn': '8' }), 'evidence.malformed: maa: snpfw-svn'],
    ['a version out of bounds', tee({ 'x-ms-sevsnpvm-snpfw-svn': 256 }), 'evidence.malformed: maa: snpfw-svn'],
    ['another launch', tee({ 'x-ms-sevsnpvm-launchmeasurement': '00'.repeat(48) }), 'evidence.measurement_unlisted: launch_measurement'],
    ['no launch', tee({ 'x-ms-sevsnpvm-launchmeasurement': undefined }), 'evidence.malformed: maa: launchmeasurement'],
    ['a launch in other letters', tee({ 'x-ms-sevsnpvm-launchmeasurement': made.LAUNCH.toUpperCase() }), 'evidence.malformed: maa: launchmeasurement'],
    ['its end over', { exp: made.SECONDS - 31, iat: made.SECONDS - 60 }, 'evidence.expired: maa'],
  ])('is refused with %s', (_, claims, why) => expect(of(claims)).toBe(why)) // biome-ignore format: a table

  test('is accepted with what policy allows beyond the defaults, and warns', () => {
    expect(of(tee({ 'x-ms-sevsnpvm-is-debuggable': true }), { allow_debug: true })).toBe('none')
    expect(of(tee({ 'x-ms-sevsnpvm-migration-allowed': true }), { allow_migration: true })).toBe('none') // biome-ignore format: one line
    expect(of({ secureboot: false }, { allow_insecure_boot: true })).toBe('none')
    expect(of({}, { policy_hashes: ['hash'] })).toBe('none')
    expect(of({}, { policy_hashes: ['x'] })).toBe('evidence.configuration: maa: x-ms-policy-hash')
  })

  test('is for the issuer of its own provider', () => {
    const other = { ...MAA, provider: 'https://other.attest.test' }
    expect(outcome(maa, made.maaToken(), AT, other, MAA)).toBe('none')
    expect(outcome(maa, made.maaToken(), AT, other)).toBe(
      'evidence.issuer: maa: no issuer of the policy',
    )
  })

  test('of a machine of 2023 has the claims that are read here (its payload, signed by a key of the test)', () => {
    const [, payload = ''] = readFixture('maa/maa-cvm-2023.jwt.gz').toString().split('.')
    const text = Buffer.from(payload, 'base64url').toString()
    const issuer = 'https://sharedweu.weu.attest.azure.net'
    const item = made.itemOf('maa', token(made.HEADER, text, made.KEYS.privateKey))
    const at = made.at({
      now: Date.parse('2023-03-30T11:00:00Z'),
      expected: { kind: 'exact', bytes: Buffer.from('ADE0101') },
      collateral: made.keysOf(issuer, Date.parse('2023-03-30T10:00:00Z')),
    })
    const launch =
      'sha384:8962535933f5c4b429ec41d6550c187c163aa76f3be1f8d750a272a9d8995023e8286a2e431a96c36087ac46d4188676'
    expect(maa.verify(item, at)).toMatchObject({
      version: '1.0',
      binding: 'matched',
      madeAt: 1_680_173_374_000,
      goodUntil: 1_680_202_174_000,
      tcb: { bl: 3, tee: 0, snp: 8, ucode: 115 },
      measurements: { launch_measurement: launch },
      flags: {
        vm: true,
        compliance: 'azure-compliant-cvm',
        policy_hash: 'wm9mHlvTU82e8UqoOy1Yj1FBRSNkfe99-69IYDq9eWs',
        vmpl: 0,
        debug: false,
        migration: false,
        secure_boot: true,
      },
    })
    const reference = { launch_measurement: { [launch]: { id: launch } } }
    const wanted = { ...MAA, provider: issuer, reference }
    expect(outcome(maa, item, at, wanted)).toBe('none')
    const later = { ...wanted, min_tcb: { ...MAA.min_tcb, snp: 23 } }
    expect(outcome(maa, item, at, later)).toBe('evidence.tcb_low: maa: snp')
  })
})
