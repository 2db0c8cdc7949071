// AWS instance identity documents, by their rsa2048 signature: which machine it is, as it was launched, and never what it runs.
// Without a nonce it binds nothing: whoever read one once can show it for ever.
import { hash } from 'node:crypto'
import type { JsonObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'
import type {
  Appraised,
  Claims,
  EvidenceItem,
  EvidenceRoot,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { assertTime } from '../evidence/vendor-chain.ts'
import { fromBase64 } from '../format/base64.ts'
import { toDer } from '../format/ber.ts'
import { Certificate } from '../format/certificate.ts'
import { assertCmsSigned, isNamedBy, parseSignedData, type SignedData } from '../format/cms.ts'
import { equalBytes } from '../format/der.ts'
import { readJson, textAt } from '../format/json.ts'

/** Section `aws-iid` of a policy. Lists match what they name; one that is left out is not looked at. */
export interface AwsIidPolicy {
  readonly accounts: readonly string[]
  readonly regions?: readonly string[]
  readonly images?: readonly string[]
  /** Most milliseconds since the machine was launched. */
  readonly max_age?: number
}

const WHAT = 'aws-iid'
const LARGEST = 16 * 1024
const FORMS = {
  account: /^\d{12}$/,
  region: /^[a-z0-9-]{3,32}$/,
  image: /^ami-[0-9a-f]{8,32}$/,
  instance: /^i-[0-9a-f]{8,32}$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
} as const

/** Of which region a pinned certificate is, in its id. */
export const awsRootId = (region: string): string => `aws-iid-${region}`

/** `bytes` is the document; `endorsements.rsa2048` what is served beside it, base64 with or without line ends. */
export const awsIid: Verifier<AwsIidPolicy> = {
  type: WHAT,

  verify(item, at) {
    if (item.bytes.length > LARGEST) throw new Denial('evidence.too_large', WHAT)
    const data = signedBeside(item)
    // as it stands, not as it reads: another document of the same members was not signed
    if (!equalBytes(data.content, item.bytes))
      throw new Denial('evidence.signature', `${WHAT}: content and document differ`)
    const document = documentOf(readJson(item.bytes, WHAT))
    const { root, certificate } = rootOf(document.region, data, at)
    assertTime(certificate, at.now, 0)
    assertCmsSigned(data, certificate, WHAT)
    if (document.pendingTime > at.now + at.skew) throw new Denial('evidence.not_yet_valid', WHAT)
    return claimsOf(item, document, root, certificate.sha256)
  },

  appraise({ flags }, policy, { now }): Appraised {
    const refuse = (what: string): never => {
      throw new Denial('evidence.issuer', `${WHAT}: ${what}`)
    }
    const isIn = (among: readonly string[] | undefined, flag: string): boolean =>
      among === undefined || among.includes(String(flags[flag]))
    if (!isIn(policy.accounts, 'account')) refuse('accountId')
    if (!isIn(policy.regions, 'region')) refuse('region')
    if (!isIn(policy.images, 'image')) refuse('imageId')
    if (policy.max_age !== undefined && now - Number(flags.launched) > policy.max_age)
      throw new Denial('evidence.stale', `${WHAT}: pendingTime`)
    return { trust: { 'instance-identity': 2 }, matched: [], warnings: [] }
  },
}

/** All three signatures are of the same document, and one is strong enough. Whichever is given is read, and says what it is. */
function signedBeside({ endorsements }: EvidenceItem): SignedData {
  const { rsa2048, pkcs7, signature } = endorsements
  const text = rsa2048 ?? pkcs7
  if (text === undefined && signature !== undefined)
    throw new Denial('evidence.weak_algorithm', `${WHAT}: RSA of 1024 bits`)
  if (typeof text !== 'string') throw malformed(`${WHAT}: no rsa2048 beside the document`)
  if (text.length > 4 * LARGEST) throw new Denial('evidence.too_large', `${WHAT}: rsa2048`)
  const bytes = fromBase64(text.replace(/[\r\n]/g, ''), `${WHAT}: rsa2048`)
  return parseSignedData(toDer(bytes, WHAT), WHAT)
}

interface Document {
  readonly account: string
  readonly region: string
  readonly image: string
  readonly instance: string
  readonly instanceType: string
  readonly version: string
  readonly pendingTime: number
}

function documentOf(json: JsonObject): Document {
  const read = (name: string, form: RegExp): string => {
    const value = textAt(json, name)
    if (value === undefined || !form.test(value)) throw malformed(`${WHAT}: ${name}`)
    return value
  }
  const pendingTime = Date.parse(read('pendingTime', FORMS.time))
  if (Number.isNaN(pendingTime)) throw malformed(`${WHAT}: pendingTime`)
  return {
    account: read('accountId', FORMS.account),
    region: read('region', FORMS.region),
    image: read('imageId', FORMS.image),
    instance: read('instanceId', FORMS.instance),
    instanceType: textAt(json, 'instanceType') ?? '',
    version: textAt(json, 'version') ?? '',
    pendingTime,
  }
}

/** The pinned certificate of the region that the document names, if it is the one that the signer info names. */
function rootOf(
  region: string,
  data: SignedData,
  { roots }: Verification,
): { readonly root: EvidenceRoot; readonly certificate: Certificate } {
  for (const root of roots[WHAT] ?? []) {
    if (root.id !== awsRootId(region)) continue
    const certificate = Certificate.parse(root.der)
    if (isNamedBy(data.signer, certificate)) return { root, certificate }
  }
  throw new Denial('evidence.untrusted_root', `${WHAT}: no certificate of the region`)
}

function claimsOf(
  item: EvidenceItem,
  document: Document,
  root: EvidenceRoot,
  signerSha256: string,
): Claims {
  const { account, region, image, instance, instanceType, version, pendingTime } = document
  return {
    type: WHAT,
    attests: 'identity',
    version,
    size: item.bytes.length,
    contentSha256: hash('sha256', item.bytes),
    signerSha256,
    anchor: root.id,
    synthetic: root.synthetic ?? false,
    binding: 'not checked',
    hardwareSha256: hash('sha256', `aws:${account}:${instance}`),
    product: instanceType,
    tcb: {},
    measurements: {},
    flags: { account, region, image, launched: pendingTime },
    collateral: [],
  }
}
