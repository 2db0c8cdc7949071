// Tokens of the three issuers and documents of the two clouds as a test makes them. Synthetic: signed by keys of the test.
import type {
  EvidenceItem,
  EvidenceType,
  Expected,
  Verification,
} from '../../../src/attest/evidence/evidence.ts'
import { ecKeys, issue, NOW, rsaKeys } from './authority.ts'
import { jwk, keySet, token } from './token.ts'

export const BINDER = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 0xff))
export const KEYS = rsaKeys()
export const HEADER = { alg: 'RS256', kid: 'k1', typ: 'JWT' }
export const SECONDS = NOW / 1000

export const binder: Expected = { kind: 'binder', bytes: BINDER }

export const at = (more: Partial<Verification> = {}): Verification => ({
  now: NOW,
  skew: 30_000,
  expected: binder,
  roots: {},
  collateral: new Map(),
  ...more,
})

export const itemOf = (
  type: EvidenceType,
  bytes: Uint8Array,
  endorsements: EvidenceItem['endorsements'] = {},
): EvidenceItem => ({ type, bytes, endorsements })

const TIMES = { iat: SECONDS - 10, nbf: SECONDS - 10, exp: SECONDS + 3600 }

// Confidential Space

export const GOOGLE = 'https://confidentialcomputing.googleapis.com'
export const IMAGE = `sha256:${'1a'.repeat(32)}`
const ROOT = issue({ name: 'synthetic root', keys: ecKeys(), isAuthority: true })
const MIDDLE = issue({ name: 'synthetic middle', keys: ecKeys(), issuer: ROOT, isAuthority: true })
const LEAF = issue({ name: 'synthetic leaf', keys: KEYS, issuer: MIDDLE })
export const SPACE_CHAIN = [LEAF, MIDDLE, ROOT] as const
export const SPACE_ROOTS = {
  google: [{ id: 'synthetic-google', der: ROOT.der, synthetic: true }],
} as const
export const x5c = SPACE_CHAIN.map(({ der }) => der.toString('base64'))

export const SPACE_CLAIMS = {
  ...TIMES,
  iss: GOOGLE,
  aud: 'portcullis-att-v1',
  eat_nonce: BINDER.toString('base64url'),
  secboot: true,
  hwmodel: 'GCP_INTEL_TDX',
  swname: 'CONFIDENTIAL_SPACE',
  swversion: ['250800'],
  dbgstat: 'disabled-since-boot',
  submods: {
    confidential_space: { support_attributes: ['STABLE', 'USABLE'] },
    container: { image_digest: IMAGE },
    gce: { project_id: 'p1', zone: 'z1' },
  },
  tdx: { gcp_attester_tcb_status: 'UpToDate' },
} as const

export const spaceToken = (claims: object = {}, header: object = { x5c }): EvidenceItem =>
  itemOf(
    'confidential-space',
    token({ ...HEADER, ...header }, { ...SPACE_CLAIMS, ...claims }, KEYS.privateKey),
  )

// machines of Google

export const ACCOUNTS = 'https://accounts.google.com'
export const MACHINE = {
  project_id: 'p1',
  zone: 'z1',
  instance_id: '42',
  instance_name: 'a',
} as const
export const IDENTITY_CLAIMS = {
  ...TIMES,
  iss: ACCOUNTS,
  aud: `portcullis:${BINDER.toString('base64url')}`,
  sub: '1',
  email: 'robot@p1.test',
  email_verified: true,
  google: { compute_engine: MACHINE },
} as const

export const identityToken = (claims: object = {}, header: object = {}): EvidenceItem =>
  itemOf(
    'gcp-identity',
    token({ ...HEADER, ...header }, { ...IDENTITY_CLAIMS, ...claims }, KEYS.privateKey),
  )

// MAA

export const PROVIDER = 'https://synthetic.attest.test'
export const LAUNCH = '2b'.repeat(48)
export const TEE = {
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-compliant-cvm',
  'x-ms-sevsnpvm-bootloader-svn': 3,
  'x-ms-sevsnpvm-tee-svn': 0,
  'x-ms-sevsnpvm-snpfw-svn': 8,
  'x-ms-sevsnpvm-microcode-svn': 115,
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-migration-allowed': false,
  'x-ms-sevsnpvm-launchmeasurement': LAUNCH,
  'x-ms-sevsnpvm-vmpl': 0,
} as const
export const MAA_CLAIMS = {
  ...TIMES,
  iss: PROVIDER,
  secureboot: true,
  'x-ms-attestation-type': 'azurevm',
  'x-ms-azurevm-bootdebug-enabled': false,
  'x-ms-azurevm-kerneldebug-enabled': false,
  'x-ms-azurevm-hypervisordebug-enabled': false,
  'x-ms-azurevm-testsigning-enabled': false,
  'x-ms-azurevm-flightsigning-enabled': false,
  'x-ms-isolation-tee': TEE,
  'x-ms-policy-hash': 'hash',
  'x-ms-runtime': { 'client-payload': { nonce: nonceOf(BINDER.toString('base64url')) } },
  'x-ms-ver': '1.0',
} as const

export function nonceOf(text: string | Uint8Array): string {
  return Buffer.from(text as string).toString('base64')
}

export const maaToken = (claims: object = {}, header: object = {}): EvidenceItem =>
  itemOf(
    'maa',
    token(
      { ...HEADER, jku: `${PROVIDER}/certs`, ...header },
      { ...MAA_CLAIMS, ...claims },
      KEYS.privateKey,
    ),
  )

/** The keys of an issuer, of which the test has one. */
export const keysOf = (issuer: string, receivedAt = NOW) =>
  keySet(issuer, [jwk(KEYS.publicKey, { kid: 'k1', use: 'sig' })], receivedAt)
