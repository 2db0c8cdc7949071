// The sections of tokens and instance documents are closed: what is not known, or not of the type, is an error when the policy is loaded.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import {
  AWS_IID_SECTION,
  AZURE_IMDS_SECTION,
  tokenSection,
} from '../../../src/attest/token/section.ts'

const ajv = new Ajv2020({ strict: false, validateFormats: false })
const LIST = { type: 'array', items: { type: 'string', pattern: '^(?:rv:|sha)' } }
const takes = (schema: object) => {
  const check = ajv.compile(schema)
  return (value: unknown) => check(value)
}
const token = takes(tokenSection(LIST))
const issuer = (one: object) => token({ issuers: [one] })

const SPACE = { type: 'confidential-space', image_digests: [`sha256:${'ab'.repeat(32)}`] }
const MAA = {
  type: 'maa',
  provider: 'https://sharedweu.weu.attest.azure.net',
  reference: { launch_measurement: ['rv:cvm'] },
  min_tcb: { bl: 3, tee: 0, snp: 8, ucode: 115 },
}
const IDENTITY = { type: 'gcp-identity', projects: ['p1'] }

test.each([
  SPACE,
  { ...SPACE, support: ['USABLE'], audiences: ['x'], hwmodels: ['GCP_AMD_SEV'], revocation: 'prefer', zones: ['z'], env_override: ['A'] },
  { type: 'confidential-space', reference: { image_digest: ['rv:app'] } },
  MAA,
  { ...MAA, vmpl: [0, 1], policy_hashes: ['x'], allow_insecure_boot: true },
  IDENTITY,
  { ...IDENTITY, service_accounts: ['a@b.test'] },
])('an issuer may be %j', (one) => expect(issuer(one)).toBe(true)) // biome-ignore format: a table

test.each([
  {},
  { type: 'other' },
  { ...SPACE, more: 1 },
  { type: 'confidential-space' },
  { type: 'confidential-space', reference: { launch_measurement: ['rv:a'] } },
  { ...SPACE, image_digests: ['latest'] },
  { ...SPACE, support: ['EXPERIMENTAL'] },
  { ...SPACE, provider: 'https://a.test' },
  { ...SPACE, revocation: 'off' },
  { ...MAA, provider: undefined },
  { ...MAA, provider: 'http://a.test' },
  { ...MAA, provider: 'https://a.test/' },
  { ...MAA, provider: 'https://a.test:444' },
  { ...MAA, min_tcb: { bl: 3 } },
  { ...MAA, min_tcb: undefined },
  { ...MAA, reference: { image_digest: ['rv:a'] } },
  { ...MAA, image_digests: SPACE.image_digests },
  { ...MAA, vmpl: [4] },
  { type: 'gcp-identity' },
  { ...IDENTITY, reference: { image_digest: ['rv:a'] } },
  { ...IDENTITY, allow_debug: true },
])('an issuer may not be %j', (one) =>
  expect(issuer(JSON.parse(JSON.stringify(one)) as object)).toBe(false)) // biome-ignore format: a table

test('a list of issuers may be empty, which takes no token, but must be there', () => {
  expect(token({ issuers: [] })).toBe(true)
  expect(token({})).toBe(false)
  expect(token({ issuers: [], more: 1 })).toBe(false)
})

test('identities of machines say whose they are', () => {
  const aws = takes(AWS_IID_SECTION)
  expect(aws({ accounts: ['123456789012'], regions: ['eu-west-1'], max_age: '90d' })).toBe(true)
  for (const wrong of [{}, { accounts: ['1'] }, { accounts: [], account: '1' }])
    expect(aws(wrong)).toBe(false)
  const azure = takes(AZURE_IMDS_SECTION)
  const subscriptions = ['8d10da13-8125-4ba9-a717-bf7490507b3d']
  expect(azure({ subscriptions, clouds: ['metadata.azure.us'] })).toBe(true)
  for (const wrong of [{}, { subscriptions: ['x'] }, { subscriptions, clouds: ['a.test'] }])
    expect(azure(wrong)).toBe(false)
})
