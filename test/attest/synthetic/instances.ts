// Instance documents of AWS and Azure as a test makes them. Synthetic: signed under authorities of the test.
import { awsRootId } from '../../../src/attest/cloud/aws-iid.ts'
import { imdsNonce } from '../../../src/attest/cloud/azure-imds.ts'
import type { EvidenceItem } from '../../../src/attest/evidence/evidence.ts'
import { ecKeys, issue, NOW, rsaKeys } from './authority.ts'
import { type CmsWish, signedData } from './cms.ts'
import { BINDER, itemOf } from './issuers.ts'

// AWS: one certificate per region signs, and is pinned itself

export const REGION = issue({ name: 'synthetic region', keys: rsaKeys(), serial: 21 })
export const OTHER_REGION = issue({ name: 'synthetic region', keys: rsaKeys(), serial: 22 })
export const AWS_ROOTS = {
  'aws-iid': [
    { id: awsRootId('eu-west-1'), der: REGION.der, synthetic: true },
    { id: awsRootId('us-east-1'), der: OTHER_REGION.der, synthetic: true },
  ],
} as const

export const AWS_DOCUMENT = {
  accountId: '123456789012',
  architecture: 'x86_64',
  availabilityZone: 'eu-west-1a',
  imageId: 'ami-0123456789abcdef0',
  instanceId: 'i-0123456789abcdef0',
  instanceType: 'm7g.large',
  pendingTime: '2026-11-20T10:00:00Z',
  region: 'eu-west-1',
  version: '2017-09-30',
} as const

const lines = (bytes: Buffer): string =>
  (bytes.toString('base64').match(/.{1,64}/g) ?? []).join('\n')

/** The document and its rsa2048 as they are served: BER, base64 in lines. */
export function awsItem(
  document: object = AWS_DOCUMENT,
  wish: Partial<CmsWish> = {},
): EvidenceItem {
  const bytes = Buffer.from(JSON.stringify(document, null, 2))
  const cms = signedData({ content: bytes, signer: REGION, isBer: true, ...wish })
  return itemOf('aws-iid', bytes, { rsa2048: lines(cms) })
}

// Azure: a certificate of metadata.azure.com below an intermediate and a root

const ROOT = issue({ name: 'synthetic azure root', keys: ecKeys(), isAuthority: true })
const ISSUER_URL = 'http://www.microsoft.com/pkiops/certs/synthetic.crt'
export const MIDDLE = issue({ name: 'synthetic azure issuer', keys: ecKeys(), issuer: ROOT, isAuthority: true }) // biome-ignore format: one line
export const azureSigner = (more: { dns?: string[]; issuerUrls?: string[] } = {}) =>
  issue({
    name: 'metadata.azure.com',
    keys: SIGNER_KEYS,
    issuer: MIDDLE,
    serial: 31,
    dns: ['westeurope.metadata.azure.com', 'metadata.azure.com'],
    issuerUrls: [ISSUER_URL],
    ...more,
  })
const SIGNER_KEYS = rsaKeys()
export const SIGNER = azureSigner()
export const AZURE_ROOT = ROOT
export const AZURE_ROOTS = {
  azure: [{ id: 'synthetic-azure', der: ROOT.der, synthetic: true }],
} as const

export const AZURE_DOCUMENT = {
  licenseType: '',
  nonce: imdsNonce(BINDER),
  plan: { name: '', product: '', publisher: '' },
  sku: '22_04-lts-gen2',
  subscriptionId: '8d10da13-8125-4ba9-a717-bf7490507b3d',
  timeStamp: { createdOn: '11/28/26 11:59:30 -0000', expiresOn: '11/28/26 17:59:30 -0000' },
  vmId: '02aab8a4-74ef-476e-8182-f6d2ba4166a6',
} as const

export function azureItem(
  document: object = AZURE_DOCUMENT,
  wish: Partial<CmsWish> = {},
): EvidenceItem {
  const content = Buffer.from(JSON.stringify(document))
  const cms = signedData({ content, signer: SIGNER, certificates: [SIGNER, MIDDLE], ...wish })
  return itemOf('azure-imds', cms)
}

/** Within the bounds of the certificates. */
export const WHEN = NOW
