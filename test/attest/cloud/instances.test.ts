// Instance documents: identities, by the signer that is pinned or named, over the very bytes that were signed. Synthetic.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { awsIid } from '../../../src/attest/cloud/aws-iid.ts'
import { azureImds, createAzureImds, imdsNonce } from '../../../src/attest/cloud/azure-imds.ts'
import type { EvidenceItem, Verification } from '../../../src/attest/evidence/evidence.ts'
import { commonName } from '../../support/authority.ts'
import { denialOf } from '../denials.ts'
import { ecKeys, issue, NOW, rsaKeys } from '../synthetic/authority.ts'
import { signedData } from '../synthetic/cms.ts'
import * as made from '../synthetic/instances.ts'
import { at, binder, itemOf } from '../synthetic/issuers.ts'
import { readFixture } from '../vectors.ts'

describe('an AWS instance identity document', () => {
  const AT = at({ roots: made.AWS_ROOTS })
  const verdict = (item: EvidenceItem, when: Verification = AT) =>
    denialOf(() => awsIid.verify(item, when))
  const with_ = (more: object) => made.awsItem({ ...made.AWS_DOCUMENT, ...more })

  test('is an identity that binds nothing', () => {
    const claims = awsIid.verify(made.awsItem(), AT)
    expect(claims).toMatchObject({
      attests: 'identity',
      binding: 'not checked',
      anchor: 'aws-iid-eu-west-1',
      synthetic: true,
      flags: { account: '123456789012', region: 'eu-west-1', image: 'ami-0123456789abcdef0' },
      hardwareSha256: createHash('sha256').update('aws:123456789012:i-0123456789abcdef0').digest('hex'), // biome-ignore format: one line
    })
    expect(claims.madeAt).toBeUndefined()
  })

  test('in DER holds as well', () =>
    expect(verdict(made.awsItem(made.AWS_DOCUMENT, { isBer: false }))).toBe('none'))

  test('of 2018 is read as it was served (its bytes, signed by a certificate of the test)', () => {
    const bytes = readFixture('aws-iid/jnewbigin-2018.document.json')
    const cms = signedData({ content: bytes, signer: made.REGION, isBer: true })
    const item = itemOf('aws-iid', bytes, { rsa2048: cms.toString('base64') })
    const roots = { 'aws-iid': [{ id: 'aws-iid-ap-southeast-2', der: made.REGION.der }] }
    expect(awsIid.verify(item, at({ roots }))).toMatchObject({
      version: '2017-09-30',
      product: 't2.micro',
      flags: {
        account: '351016140122',
        region: 'ap-southeast-2',
        image: 'ami-0a9591ce94104d964',
        launched: Date.UTC(2018, 8, 26, 6, 10, 52),
      },
    })
  })

  test('is the bytes that were signed, not what they say', () => {
    const item = made.awsItem()
    const respelt = Buffer.from(JSON.stringify(made.AWS_DOCUMENT))
    expect(verdict({ ...item, bytes: respelt })).toBe('evidence.signature: aws-iid: content and document differ') // biome-ignore format: one line
  })

  test('is signed by the certificate of its own region', () => {
    const signer = made.OTHER_REGION
    expect(verdict(made.awsItem(made.AWS_DOCUMENT, { signer }))).toBe(
      'evidence.untrusted_root: aws-iid: no certificate of the region',
    )
    const east = { ...made.AWS_DOCUMENT, region: 'us-east-1' }
    expect(verdict(made.awsItem(east, { signer }))).toBe('none')
    expect(verdict(made.awsItem(east, { signer: made.REGION, named: signer }))).toBe(
      'evidence.signature: aws-iid',
    )
    expect(verdict(with_({ region: 'eu-west-2' }))).toMatch(/^evidence.untrusted_root/)
    expect(verdict(made.awsItem(), at())).toMatch(/^evidence.untrusted_root/)
  })

  test('is not believed for a certificate that it brings', () => {
    const keys = rsaKeys()
    const signer = issue({ name: 'synthetic region', keys, serial: 21 })
    expect(verdict(made.awsItem(made.AWS_DOCUMENT, { signer, certificates: [signer] }))).toBe(
      'evidence.signature: aws-iid',
    )
  })

  test('ends with the certificate of its region, and begins with the machine', () => {
    expect(verdict(made.awsItem(), { ...AT, now: NOW + 2 * 86_400_000 })).toMatch(
      /^evidence.expired/,
    )
    expect(verdict(made.awsItem(), { ...AT, now: NOW - 2 * 86_400_000 })).toMatch(
      /^evidence.not_yet_valid/,
    )
    expect(verdict(with_({ pendingTime: '2026-11-28T12:01:00Z' }))).toBe('evidence.not_yet_valid: aws-iid') // biome-ignore format: one line
  })

  test.each([
    ['accountId', '12345'], ['accountId', 123456789012], ['region', '../x'], ['imageId', 'ami-'], ['instanceId', ''], ['pendingTime', '2026-11-20'],
    ['pendingTime', '2026-13-20T10:00:00Z'],
  ])('is malformed with %s %j', (name, value) =>
    expect(verdict(with_({ [name]: value }))).toBe(`evidence.malformed: aws-iid: ${name}`)) // biome-ignore format: a table

  test('is malformed with something else beside it', () => {
    const { bytes } = made.awsItem()
    const beside = (endorsements: object) =>
      verdict(itemOf('aws-iid', bytes, endorsements as EvidenceItem['endorsements']))
    expect(beside({ rsa2048: 1 })).toBe(
      'evidence.malformed: aws-iid: no rsa2048 beside the document',
    )
    expect(beside({ rsa2048: 'AA' })).toBe('evidence.malformed: aws-iid: rsa2048: no base64')
    expect(beside({ rsa2048: 'A'.repeat(70_000) })).toMatch(/^evidence.too_large/)
    expect(verdict(itemOf('aws-iid', Buffer.alloc(17_000, ' ')))).toMatch(/^evidence.too_large/)
  })

  test('is wanted from the accounts, regions and images of the policy', () => {
    const claims = awsIid.verify(made.awsItem(), AT)
    const of = (policy: object) =>
      denialOf(() =>
        awsIid.appraise(claims, { accounts: ['123456789012'], ...policy }, { now: NOW }),
      )
    expect(of({})).toBe('none')
    expect(of({ accounts: [] })).toBe('evidence.issuer: aws-iid: accountId')
    expect(of({ regions: ['us-east-1'] })).toBe('evidence.issuer: aws-iid: region')
    expect(of({ images: ['ami-1'] })).toBe('evidence.issuer: aws-iid: imageId')
    const age = NOW - Date.parse('2026-11-20T10:00:00Z')
    expect(of({ max_age: age })).toBe('none')
    expect(of({ max_age: age - 1 })).toBe('evidence.stale: aws-iid: pendingTime')
  })
})

describe('the attested metadata of Azure', () => {
  const AT = at({ roots: made.AZURE_ROOTS })
  const POLICY = {
    subscriptions: [made.AZURE_DOCUMENT.subscriptionId],
    clouds: ['metadata.azure.com'],
    revocation: 'prefer',
    max_age: 300_000,
  } as const
  const verdict = (item: EvidenceItem, when: Verification = AT) =>
    denialOf(() => azureImds.verify(item, when))
  const with_ = (more: object) => made.azureItem({ ...made.AZURE_DOCUMENT, ...more })
  const needId = `certificate:${createHash('sha256').update(commonName('synthetic azure issuer')).digest('hex')}` // biome-ignore format: one line

  test('is an identity whose ten digits come of the binder', () => {
    const claims = azureImds.verify(made.azureItem(), AT)
    expect(claims).toMatchObject({
      attests: 'identity',
      binding: 'matched',
      anchor: 'synthetic-azure',
      synthetic: true,
      madeAt: Date.UTC(2026, 10, 28, 11, 59, 30),
      goodUntil: Date.UTC(2026, 10, 28, 17, 59, 30),
    })
    expect(JSON.stringify(claims)).not.toContain(made.AZURE_DOCUMENT.vmId)
  })

  test('has a nonce of ten digits, zeros in front', () => {
    expect(imdsNonce(Buffer.alloc(64))).toBe('0000000000')
    expect(imdsNonce(Buffer.alloc(64, 0xff))).toBe('3709551615')
    expect(made.AZURE_DOCUMENT.nonce).toMatch(/^\d{10}$/)
  })

  test('is signed by the certificate that is named, not by the first one', () => {
    const other = issue({ name: 'other', keys: ecKeys(), issuer: made.MIDDLE, serial: 99 })
    const certificates = [other, made.MIDDLE, made.SIGNER]
    expect(verdict(made.azureItem(made.AZURE_DOCUMENT, { certificates }))).toBe('none')
    expect(
      verdict(made.azureItem(made.AZURE_DOCUMENT, { certificates: [other, made.MIDDLE] })),
    ).toBe('evidence.key_mismatch: azure-imds: no certificate of the signer')
    // named: a certificate for metadata.azure.com; signed: by whoever has another one of the same issuer
    const mallory = issue({ name: 'mallory', keys: rsaKeys(), issuer: made.MIDDLE, serial: 66 })
    const swapped = { signer: mallory, named: made.SIGNER }
    expect(verdict(made.azureItem(made.AZURE_DOCUMENT, { ...swapped, certificates: [mallory, made.SIGNER, made.MIDDLE] }))).toBe('evidence.signature: azure-imds') // biome-ignore format: one line
  })

  test('is signed for metadata.azure.com, whatever the subject is', () => {
    const signed = (...dns: string[]) => {
      const signer = made.azureSigner({ dns })
      return verdict(made.azureItem(made.AZURE_DOCUMENT, { signer, certificates: [signer, made.MIDDLE] })) // biome-ignore format: one line
    }
    expect(signed('eastus.metadata.azure.com')).toBe('none')
    expect(signed('metadata.azure.us')).toBe('none')
    for (const name of ['metadata.azure.com.evil.test', 'evilmetadata.azure.com', 'azure.com', 'xmetadata.azure.com']) // biome-ignore format: one line
      expect(signed(name)).toBe('evidence.issuer: azure-imds: name of the signer')
    expect(signed()).toBe('evidence.issuer: azure-imds: name of the signer')
  })

  test('asks for the certificate of the issuer only at hosts that are known', () => {
    const needs = (signer: ReturnType<typeof issue>) =>
      azureImds.needs?.(made.azureItem(made.AZURE_DOCUMENT, { signer, certificates: [signer] }), POLICY) // biome-ignore format: one line
    const need = { id: needId, kind: 'certificate', required: false }
    const url = 'http://www.microsoft.com/pkiops/certs/synthetic.crt'
    expect(needs(made.SIGNER)).toEqual([{ ...need, urls: [url] }])
    const issuerUrls = ['http://169.254.169.254/', 'http://www.microsoft.com.evil.test/', 'http://www.microsoft.com@evil.test/', 'http://www.microsoft.com:8080/', 'file:///etc/passwd', 'http://u@www.microsoft.com/', 'x', 'https://cacerts.digicert.com/a.crt'] // biome-ignore format: one line
    expect(needs(made.azureSigner({ issuerUrls }))).toEqual([
      { ...need, urls: ['https://cacerts.digicert.com/a.crt'] },
    ])
    expect(azureImds.needs?.(made.azureItem(), POLICY)).toEqual([])
  })

  test('takes the issuer from what was fetched or sent, and believes neither', () => {
    const alone = made.azureItem(made.AZURE_DOCUMENT, { certificates: [made.SIGNER] })
    expect(verdict(alone)).toBe(
      'evidence.collateral_missing: azure-imds: the certificate of the issuer',
    )
    const fetched = (bytes: Uint8Array) => ({
      ...AT,
      collateral: new Map([[needId, { bytes, receivedAt: NOW }]]),
    })
    expect(verdict(alone, fetched(made.MIDDLE.der))).toBe('none')
    expect(verdict(alone, fetched(Buffer.from('x')))).toMatch(/^evidence.collateral_invalid/)
    const intermediates = [made.MIDDLE.der.toString('base64url')]
    expect(verdict({ ...alone, endorsements: { intermediates } })).toBe('none')
    const forged = issue({ name: 'synthetic azure issuer', keys: ecKeys(), isAuthority: true, issuer: made.AZURE_ROOT }) // biome-ignore format: one line
    expect(verdict(alone, fetched(forged.der))).toBe('evidence.chain: certificate 0 is not signed by its issuer') // biome-ignore format: one line
  })

  test('ends at a pinned root, and runs in no circle', () => {
    expect(verdict(made.azureItem(), at())).toBe('evidence.untrusted_root: azure-imds')
    const [a, b] = [ecKeys(), ecKeys()]
    const first = issue({ name: 'synthetic azure issuer', keys: a, isAuthority: true })
    const one = issue({ ...first, issuer: { ...first, name: 'two', keys: b }, isAuthority: true })
    const two = issue({ name: 'two', keys: b, issuer: first, isAuthority: true })
    const certificates = [made.SIGNER, one, two]
    expect(verdict(made.azureItem(made.AZURE_DOCUMENT, { certificates }))).toBe('evidence.untrusted_root: azure-imds') // biome-ignore format: one line
  })

  test.each([
    ['the nonce off by one', { nonce: '0000000001' }, 'evidence.nonce_mismatch: azure-imds'],
    ['an empty nonce', { nonce: '' }, 'evidence.nonce_mismatch: azure-imds'],
    ['no nonce', { nonce: undefined }, 'evidence.nonce_mismatch: azure-imds'],
    ['a part of the nonce', { nonce: made.AZURE_DOCUMENT.nonce.slice(1) }, 'evidence.nonce_mismatch: azure-imds'],
    ['a nonce that is a number', { nonce: Number(made.AZURE_DOCUMENT.nonce) }, 'evidence.nonce_mismatch: azure-imds'],
    ['no machine', { vmId: undefined }, 'evidence.malformed: azure-imds: vmId'],
    ['no subscription', { subscriptionId: 'x' }, 'evidence.malformed: azure-imds: subscriptionId'],
    ['no times', { timeStamp: undefined }, 'evidence.malformed: azure-imds: timeStamp'],
    ['no day', { timeStamp: { createdOn: '13/40/26 11:59:30 -0000', expiresOn: '11/28/26 17:59:30 -0000' } }, 'evidence.malformed: azure-imds: timeStamp'],
    ['another zone', { timeStamp: { createdOn: '11/28/26 11:59:30 +0100', expiresOn: '11/28/26 17:59:30 -0000' } }, 'evidence.malformed: azure-imds: timeStamp'],
    ['its beginning to come', { timeStamp: { createdOn: '11/28/26 12:00:31 -0000', expiresOn: '11/28/26 17:59:30 -0000' } }, 'evidence.not_yet_valid: azure-imds'],
    ['its end over', { timeStamp: { createdOn: '11/28/26 05:59:30 -0000', expiresOn: '11/28/26 11:59:30 -0000' } }, 'evidence.expired: azure-imds'],
  ])('is refused with %s', (_, more, why) => expect(verdict(with_(more))).toBe(why)) // biome-ignore format: a table

  test('without a challenge says so; an exact one is compared as it is', () => {
    expect(azureImds.verify(made.azureItem(), { ...AT, expected: undefined }).binding).toBe('not checked') // biome-ignore format: one line
    const exact = (text: string) => ({ ...AT, expected: { kind: 'exact', bytes: Buffer.from(text) } as const }) // biome-ignore format: one line
    expect(verdict(made.azureItem(), exact(made.AZURE_DOCUMENT.nonce))).toBe('none')
    expect(verdict(with_({ nonce: '' }), exact(''))).toBe('evidence.nonce_mismatch: azure-imds')
    expect(binder.kind).toBe('binder')
  })

  test('is wanted from a subscription and a cloud, fresh, and with its chain looked up', () => {
    const of = (policy: object, now = NOW) =>
      denialOf(() => {
        const claims = azureImds.verify(made.azureItem(), AT)
        azureImds.appraise(claims, { ...POLICY, ...policy }, { now })
      })
    expect(of({})).toBe('none')
    expect(of({ subscriptions: [] })).toBe('evidence.issuer: azure-imds: subscriptionId')
    expect(of({ clouds: ['metadata.azure.us'] })).toBe('evidence.issuer: azure-imds: name of the signer') // biome-ignore format: one line
    expect(of({ revocation: 'require' })).toBe('evidence.collateral_missing: azure-imds: revocation lists of the chain') // biome-ignore format: one line
    expect(of({}, NOW + 270_000)).toBe('none')
    expect(of({}, NOW + 270_001)).toBe('evidence.stale: azure-imds: createdOn')
    const checked = createAzureImds({
      needs: (chain) => [{ id: `crl:${chain.length}`, kind: 'crl', urls: [], required: false }],
      check: (chain) => ({ isChecked: chain.length === 3, pointsToList: true, collateral: [] }),
    })
    expect(checked.needs?.(made.azureItem(), POLICY)).toMatchObject([{ id: 'crl:2' }])
    const claims = checked.verify(made.azureItem(), AT)
    const required = { ...POLICY, revocation: 'require' } as const
    expect(checked.appraise(claims, required, { now: NOW }).warnings).toEqual([])
  })
})
