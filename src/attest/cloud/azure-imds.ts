// Azure's attested instance metadata: which machine it is, signed by a certificate of metadata.azure.com, and never what it runs.
// Its nonce is ten digits, too few to stand for a challenge, so it must be of this minute as well.
import { hash } from 'node:crypto'
import type { CollateralNeed } from '../collateral.ts'
import { Denial, malformed, ofCollateral } from '../denial.ts'
import { type AskRevocation, listsAt } from '../evidence/chain-revocation.ts'
import { listIn } from '../evidence/endorsements.ts'
import type {
  Appraised,
  Claims,
  EvidenceItem,
  EvidenceRoot,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import { toDer } from '../format/ber.ts'
import { Certificate } from '../format/certificate.ts'
import { assertCmsSigned, isNamedBy, parseSignedData, type SignedData } from '../format/cms.ts'
import { equalBytes } from '../format/der.ts'
import { issuerUrlsIn, namesIn } from '../format/general-name.ts'
import { readJson, textAt } from '../format/json.ts'

/** Section `azure-imds` of a policy. */
export interface AzureImdsPolicy {
  readonly subscriptions: readonly string[]
  /** Domains of the signer: `metadata.azure.com`, and those of other clouds. */
  readonly clouds: readonly string[]
  readonly revocation: 'require' | 'prefer'
  /** Milliseconds since it was made. */
  readonly max_age: number
}

const WHAT = 'azure-imds'
export const AZURE_CLOUDS = [
  'metadata.azure.com',
  'metadata.azure.us',
  'metadata.azure.cn',
  'metadata.microsoftazure.de',
] as const
/** Where certificates of issuers are fetched from; another host in the certificate is not asked. */
const HOSTS = ['www.microsoft.com', 'caissuers.microsoft.com', 'cacerts.digicert.com']
const MOST_INTERMEDIATES = 4
/** Where Microsoft and DigiCert publish lists. */
const LISTS = /^http:\/\/(?:www\.microsoft\.com\/pkiops\/crl|crl[34]?\.digicert\.com)\//
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TIME = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) -0000$/

/** The nonce that a machine asks for: ten digits, all that fit there. */
export function imdsNonce(binder: Uint8Array): string {
  const number = Buffer.from(binder.buffer, binder.byteOffset, binder.length).readBigUInt64BE()
  return String(number % 10_000_000_000n).padStart(10, '0')
}

/** `bytes` is the decoded signature; `endorsements.intermediates` may bring certificates of issuers, base64url. */
export function createAzureImds(
  revocation: AskRevocation = listsAt(LISTS),
): Verifier<AzureImdsPolicy> {
  return {
    type: WHAT,

    needs(item) {
      const { signer, others } = signerOf(dataOf(item), item)
      const issuer = others.find((one) => equalBytes(one.subject, signer.issuer))
      return issuer
        ? revocation.needs([signer, issuer])
        : [issuerNeed(signer), ...revocation.needs([signer])]
    },

    verify: (item, at) => verify(item, at, revocation),

    appraise({ flags, madeAt = 0 }, policy, { now }): Appraised {
      if (!policy.clouds.includes(String(flags.cloud)))
        throw new Denial('evidence.issuer', `${WHAT}: name of the signer`)
      if (!policy.subscriptions.includes(String(flags.subscription)))
        throw new Denial('evidence.issuer', `${WHAT}: subscriptionId`)
      if (policy.revocation === 'require' && flags.revocation !== 'checked')
        throw new Denial('evidence.collateral_missing', `${WHAT}: revocation lists of the chain`)
      if (now - madeAt > policy.max_age) throw new Denial('evidence.stale', `${WHAT}: createdOn`)
      const warnings = flags.revocation === 'checked' ? [] : ['revocation was not checked']
      return { trust: { 'instance-identity': 2 }, matched: [], warnings }
    },
  }
}

export const azureImds: Verifier<AzureImdsPolicy> = createAzureImds()

function verify(item: EvidenceItem, at: Verification, revocation: AskRevocation): Claims {
  const data = dataOf(item)
  const { signer, others } = signerOf(data, item)
  const cloud = cloudOf(signer)
  const { chain, root } = chainOf(signer, others, at)
  const { isChecked, collateral } = revocation.check(chain, at)
  assertCmsSigned(data, signer, WHAT)
  const document = documentOf(data.content)
  if (document.createdOn > at.now + at.skew) throw new Denial('evidence.not_yet_valid', WHAT)
  if (document.expiresOn <= at.now - at.skew) throw new Denial('evidence.expired', WHAT)
  const { nonce, createdOn, expiresOn, machine, subscription } = document
  return {
    type: WHAT,
    attests: 'identity',
    version: '1',
    size: item.bytes.length,
    contentSha256: hash('sha256', data.content),
    signerSha256: signer.sha256,
    anchor: root.id,
    synthetic: root.synthetic ?? false,
    binding: bindingOf(nonce, at),
    madeAt: createdOn,
    goodUntil: expiresOn,
    hardwareSha256: hash('sha256', `azure:${machine}`),
    tcb: {},
    measurements: {},
    flags: { subscription, cloud, revocation: isChecked ? 'checked' : 'not checked' },
    collateral,
  }
}

const dataOf = ({ bytes }: EvidenceItem): SignedData => parseSignedData(toDer(bytes, WHAT), WHAT)

interface Signer {
  readonly signer: Certificate
  /** Certificates that may be issuers of it; none is believed for being here. */
  readonly others: readonly Certificate[]
}

function signerOf(data: SignedData, { endorsements }: EvidenceItem): Signer {
  const fromSender = listIn(endorsements, 'intermediates').map((der) => Certificate.parse(der))
  const inside = data.certificates.map((der) => Certificate.parse(der))
  const signer = inside.find((one) => isNamedBy(data.signer, one))
  if (!signer) throw new Denial('evidence.key_mismatch', `${WHAT}: no certificate of the signer`)
  return { signer, others: [...inside.filter((one) => one !== signer), ...fromSender] }
}

const needId = (certificate: Certificate): string =>
  `certificate:${hash('sha256', certificate.issuer)}`

function issuerNeed(signer: Certificate): CollateralNeed {
  const urls = issuerUrlsIn(signer).filter((url) => URL.canParse(url) && isAllowed(new URL(url)))
  return { id: needId(signer), kind: 'certificate', urls, required: false }
}

/** Exactly as a certificate authority writes it: no user, no port, a host of the list. */
function isAllowed({ protocol, host, username, password }: URL): boolean {
  return /^https?:$/.test(protocol) && HOSTS.includes(host) && username + password === ''
}

/** Names of machines of a region stand below the domain. */
function cloudOf(signer: Certificate): string {
  const names = namesIn(signer, 'dns')
  const cloud = AZURE_CLOUDS.find((domain) =>
    names.some((name) => name === domain || name.endsWith(`.${domain}`)),
  )
  if (!cloud) throw new Denial('evidence.issuer', `${WHAT}: name of the signer`)
  return cloud
}

/** From the signer to a pinned root, by the names of issuers; what was sent or fetched is checked as a chain. */
function chainOf(
  signer: Certificate,
  others: readonly Certificate[],
  { roots, now, collateral }: Verification,
): { readonly chain: readonly Certificate[]; readonly root: EvidenceRoot } {
  const fetched = collateral.get(needId(signer))
  const known = fetched ? [...others, ofCollateral(() => Certificate.parse(fetched.bytes))] : others
  const pinned = roots.azure ?? []
  const anchors = pinned.map(({ der }) => Certificate.parse(der))
  const chain = [signer]
  for (let last = signer; chain.length <= MOST_INTERMEDIATES; ) {
    const isIssuer = (one: Certificate): boolean => equalBytes(one.subject, last.issuer)
    const anchor = anchors.find(isIssuer)
    if (anchor) {
      chain.push(anchor)
      return { chain, root: checkVendorChain(chain, pinned, now) }
    }
    const next = known.find((one) => isIssuer(one) && !chain.includes(one))
    if (!next) break
    chain.push(next)
    last = next
  }
  if (chain.length > 1) throw new Denial('evidence.untrusted_root', WHAT)
  throw new Denial('evidence.collateral_missing', `${WHAT}: the certificate of the issuer`)
}

interface Document {
  readonly nonce: string
  readonly createdOn: number
  readonly expiresOn: number
  readonly machine: string
  readonly subscription: string
}

function documentOf(content: Uint8Array): Document {
  const json = readJson(content, WHAT)
  const machine = textAt(json, 'vmId')?.toLowerCase() ?? ''
  const subscription = textAt(json, 'subscriptionId')?.toLowerCase() ?? ''
  if (!UUID.test(machine)) throw malformed(`${WHAT}: vmId`)
  if (!UUID.test(subscription)) throw malformed(`${WHAT}: subscriptionId`)
  return {
    nonce: textAt(json, 'nonce') ?? '',
    createdOn: timeOf(textAt(json, 'timeStamp', 'createdOn')),
    expiresOn: timeOf(textAt(json, 'timeStamp', 'expiresOn')),
    machine,
    subscription,
  }
}

function timeOf(text = ''): number {
  const [, month, day, year, hour, minute, second] = TIME.exec(text) ?? []
  const time = Date.parse(`20${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(time)) throw malformed(`${WHAT}: timeStamp`)
  return time
}

function bindingOf(nonce: string, { expected }: Verification): Claims['binding'] {
  if (!expected) return 'not checked'
  const { kind, bytes } = expected
  const wanted = kind === 'binder' ? imdsNonce(bytes) : Buffer.from(bytes).toString('latin1')
  if (wanted === '' || nonce !== wanted) throw new Denial('evidence.nonce_mismatch', WHAT)
  return 'matched'
}
