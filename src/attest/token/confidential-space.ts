// Attestation tokens of Google Cloud for Confidential Space, with a certificate chain (PKI) or signed by published keys (OIDC).
import type { JsonObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'
import { assertListed } from '../evidence/allow.ts'
import { type AskRevocation, listsAt } from '../evidence/chain-revocation.ts'
import type {
  Appraised,
  Claims,
  EvidenceItem,
  Verification,
  Verifier,
} from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import { Certificate } from '../format/certificate.ts'
import { memberAt, textAt, textsAt } from '../format/json.ts'
import type { Reason } from '../reasons.ts'
import {
  appraiseByAny,
  type ConfidentialSpaceIssuer,
  ISSUER_DEFAULTS,
  type TokenPolicy,
} from './issuers.ts'
import { assertJwsSigned, type Jws, type JwsShape, parseJws } from './jws.ts'
import {
  assertAnswered,
  assertSignedByIssuer,
  base64url,
  contentSha256,
  keySetNeed,
  timesOf,
} from './token-claims.ts'

const WHAT = 'confidential-space'
const ISSUER = 'https://confidentialcomputing.googleapis.com'
const KEYS =
  'https://www.googleapis.com/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com'
const SHAPE: JwsShape = { what: WHAT, algorithms: ['RS256'], types: ['JWT'], x5c: 'optional' }
/** Where Google's certificate authority service publishes lists. */
const LISTS = /^http:\/\/privateca-content-[0-9a-f-]{1,64}\.storage\.googleapis\.com\//
const CHAIN = 3
const MOST_NONCES = 6
const TDX = 'GCP_INTEL_TDX'

export function createConfidentialSpace(
  revocation: AskRevocation = listsAt(LISTS),
): Verifier<TokenPolicy> {
  return {
    type: WHAT,

    needs(item) {
      const { x5c } = parseJws(item.bytes, SHAPE)
      return x5c ? revocation.needs(chainOf(x5c)) : [keySetNeed(ISSUER, KEYS)]
    },

    verify(item, at) {
      const jws = parseJws(item.bytes, SHAPE)
      const signer = jws.x5c
        ? signerByChain(jws, chainOf(jws.x5c), at, revocation)
        : signerByKeys(jws, at)
      if (jws.payload.iss !== ISSUER) throw new Denial('evidence.issuer', `${WHAT}: iss`)
      const times = timesOf(jws.payload, at, WHAT)
      const binding = assertAnswered(at.expected, base64url, noncesIn(jws.payload), WHAT)
      return claimsOf(item, jws, { ...signer, ...times, binding })
    },

    appraise: (claims, policy, { now }) =>
      appraiseByAny(policy, WHAT, (issuer) => appraise(claims, issuer, now)),
  }
}

export const confidentialSpace: Verifier<TokenPolicy> = createConfidentialSpace()

interface Signer extends Pick<Claims, 'signerSha256' | 'anchor' | 'synthetic' | 'collateral'> {
  readonly revocation: 'checked' | 'not checked' | 'published keys'
}

function chainOf(x5c: readonly Uint8Array[]): readonly Certificate[] {
  if (x5c.length !== CHAIN) throw new Denial('evidence.chain', `${WHAT}: x5c of ${CHAIN}`)
  return x5c.map((der) => Certificate.parse(der))
}

/** The chain is that of the token, its root one of ours: a last certificate that is not is nobody's. */
function signerByChain(
  jws: Jws,
  chain: readonly Certificate[],
  at: Verification,
  revocation: AskRevocation,
): Signer {
  const root = checkVendorChain(chain, at.roots.google ?? [], at.now)
  const { isChecked, collateral } = revocation.check(chain, at)
  const [leaf] = chain as readonly [Certificate]
  assertJwsSigned(jws, leaf.publicKey, WHAT)
  return {
    signerSha256: leaf.sha256,
    anchor: root.id,
    synthetic: root.synthetic ?? false,
    collateral,
    revocation: isChecked ? 'checked' : 'not checked',
  }
}

const signerByKeys = (jws: Jws, at: Verification): Signer => ({
  ...assertSignedByIssuer(jws, ISSUER, at, WHAT),
  synthetic: false,
  revocation: 'published keys',
})

function noncesIn(payload: JsonObject): readonly string[] {
  const nonces = textsAt({ list: [payload.eat_nonce].flat() }, 'list') ?? []
  if (nonces.length > MOST_NONCES) throw malformed(`${WHAT}: eat_nonce`)
  return nonces
}

function claimsOf(
  item: EvidenceItem,
  { payload, signed }: Jws,
  { revocation, ...known }: Signer & Pick<Claims, 'madeAt' | 'goodUntil' | 'binding'>,
): Claims {
  const container = memberAt(payload, 'submods', 'container')
  const image = textAt(container, 'image_digest')
  const tcbStatus = textAt(payload, 'tdx', 'gcp_attester_tcb_status')
  return {
    ...known,
    type: WHAT,
    attests: 'platform',
    version: textsAt(payload, 'swversion')?.[0] ?? '',
    size: item.bytes.length,
    contentSha256: contentSha256(signed),
    product: textAt(payload, 'hwmodel') ?? '',
    tcb: {},
    ...(tcbStatus === undefined ? {} : { tcbStatus }),
    measurements: image === undefined ? {} : { image_digest: image },
    flags: {
      audience: textAt(payload, 'aud') ?? '',
      revocation,
      software: textAt(payload, 'swname') ?? '',
      debug: payload.dbgstat !== 'disabled-since-boot',
      secure_boot: payload.secboot === true,
      support: list(textsAt(payload, 'submods', 'confidential_space', 'support_attributes') ?? []),
      project: textAt(payload, 'submods', 'gce', 'project_id') ?? '',
      zone: textAt(payload, 'submods', 'gce', 'zone') ?? '',
      cmd_override: !isNothing(memberAt(container, 'cmd_override')),
      env_override: list(Object.keys(Object(memberAt(container, 'env_override') ?? {}))),
    },
  }
}

/** A list as one flag, so that no name can pass for two. */
const list = (names: readonly string[]): string => JSON.stringify(names)
const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0)

function appraise(claims: Claims, given: ConfidentialSpaceIssuer, now: number): Appraised {
  const issuer = { ...ISSUER_DEFAULTS, ...given }
  const { flags, product = '', tcbStatus = '' } = claims
  const refuse = (reason: Reason, detail: string): never => {
    throw new Denial(reason, `${WHAT}: ${detail}`)
  }
  const isIn = (among: readonly string[] | undefined, value: unknown): boolean =>
    among === undefined || among.some((one) => one === value)
  const isAny = (flag: string, test: (names: readonly string[]) => boolean): boolean =>
    test(JSON.parse(String(flags[flag])) as readonly string[])
  if (!isIn(issuer.audiences, flags.audience)) refuse('evidence.issuer', 'aud')
  if (flags.debug !== false && !issuer.allow_debug) refuse('evidence.debug', 'dbgstat')
  if (flags.revocation === 'not checked' && issuer.revocation === 'require')
    refuse('evidence.collateral_missing', 'the revocation list of the chain')
  if (flags.software !== 'CONFIDENTIAL_SPACE') refuse('evidence.configuration', 'swname')
  if (!isIn(issuer.hwmodels, product)) refuse('evidence.product', 'hwmodel')
  if (product === TDX && !isIn(issuer.tdx_tcb_status, tcbStatus))
    refuse('evidence.tcb_low', 'gcp_attester_tcb_status')
  if (flags.secure_boot !== true) refuse('evidence.configuration', 'secboot')
  if (!isAny('support', (names) => names.some((name) => isIn(issuer.support, name))))
    refuse('evidence.configuration', 'support_attributes')
  if (!isIn(issuer.projects, flags.project)) refuse('evidence.issuer', 'project_id')
  if (!isIn(issuer.zones, flags.zone)) refuse('evidence.issuer', 'zone')
  if (flags.cmd_override !== false && !issuer.allow_cmd_override)
    refuse('evidence.configuration', 'cmd_override')
  if (
    !isAny('env_override', (names) => names.every((name) => isIn(issuer.env_override ?? [], name)))
  )
    refuse('evidence.configuration', 'env_override')
  return {
    trust: {
      hardware: 2,
      executables: 2,
      configuration: flags.debug === false ? 2 : 96,
      'instance-identity': 2,
    },
    matched: [imageIn(claims, issuer, now)],
    warnings: [
      ...(flags.debug === false ? [] : ['debug is on']),
      ...(flags.revocation === 'not checked' ? ['revocation was not checked'] : []),
    ],
  }
}

function imageIn(
  { measurements }: Claims,
  { image_digests: plain = [], reference }: ConfidentialSpaceIssuer,
  now: number,
): string {
  const image = measurements.image_digest
  if (image !== undefined && plain.includes(image)) return image
  return assertListed('image_digest', image, reference?.image_digest ?? {}, now)
}
