// Who vouches for the attestation key of a TPM: a certificate of its own, or the endorsement key it was activated with. Enrolment is the policy's.
import { createHash, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import type { EvidenceRoot, Verification } from '../evidence/evidence.ts'
import { checkVendorChain } from '../evidence/vendor-chain.ts'
import { Certificate, EXTENSION } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import { basicConstraintsOf, extKeyUsageOf } from '../format/extensions.ts'
import { base64urlBytes, type Members, optionalBytes, requiredBytes } from './members.ts'
import {
  faultOfAttestationKey,
  parseTpmPublic,
  strongKeyOf,
  type TpmPublic,
  tpmNameOf,
} from './public.ts'

/** Families of roots: who certifies attestation keys, and who certifies endorsement keys. */
export const AK_ROOTS = 'tpm-ak'
export const EK_ROOTS = 'tpm-ek'

export interface AttestationKey {
  readonly key: KeyObject
  /** DER. */
  readonly spki: Uint8Array
  /** Hex. */
  readonly spkiSha256: string
  /** Undefined: the sender has its SubjectPublicKeyInfo only, and whoever vouches for it vouches for its attributes. */
  readonly area: TpmPublic | undefined
}

export interface KeyTrust {
  readonly by: 'ak-cert' | 'ek-activation' | 'nobody'
  readonly root: EvidenceRoot | undefined
  /** SHA-256, hex, of the certificate, or of the key where there is none. */
  readonly signerSha256: string
  /** Of the endorsement key where it is known, else of the attestation key. */
  readonly hardwareSha256: string
}

const LARGEST_KEY = 2048
const LARGEST_CERTIFICATE = 8192
const MOST_ISSUERS = 6
/** tcg-kp-EKCertificate and tcg-kp-AIKCertificate (TCG EK Credential Profile). */
const EK_PURPOSE = '2.23.133.8.1'
const AK_PURPOSE = '2.23.133.8.3'
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extKeyUsage,
  EXTENSION.subjectAltName,
])

/** Throws `evidence.ak_attributes` and what parsers throw. */
export function attestationKeyIn(members: Members): AttestationKey {
  const area = optionalBytes(members, 'ak_public', LARGEST_KEY)
  const spki = optionalBytes(members, 'ak_spki', LARGEST_KEY)
  if ((area === undefined) === (spki === undefined)) throw malformed('one of ak_public and ak_spki')
  if (spki) return keyWith(strongKeyOf(spki, 'ak_spki'), spki)
  const parsed = parseTpmPublic(area as Uint8Array)
  const fault = faultOfAttestationKey(parsed)
  if (fault) throw new Denial('evidence.ak_attributes', fault)
  return keyWith(parsed.key, parsed.spki, parsed)
}

function keyWith(key: KeyObject, spki: Uint8Array, area?: TpmPublic): AttestationKey {
  return { key, spki, spkiSha256: sha256Of(spki), area }
}

/**
 * A certificate is looked at where there are roots that could have issued it; then it must hold. Throws `evidence.chain`,
 * `evidence.untrusted_root`, `evidence.key_mismatch`, `evidence.expired`, `evidence.not_yet_valid`, `evidence.ak_untrusted`.
 */
export function keyTrustOf(ak: AttestationKey, endorsements: Members, at: Verification): KeyTrust {
  const { spkiSha256: akSha256 } = ak
  const roots = at.roots[AK_ROOTS] ?? []
  if (roots.length > 0 && Object.hasOwn(endorsements, 'ak_cert')) {
    const chain = chainIn(endorsements, 'ak', AK_PURPOSE)
    if (!isOf(chain.leaf, ak)) throw new Denial('evidence.key_mismatch', 'ak_cert')
    const root = checkChain(chain, roots, at.now)
    return { by: 'ak-cert', root, signerSha256: chain.leaf.sha256, hardwareSha256: akSha256 }
  }
  const activated = activationOf(ak, endorsements, at)
  if (activated) return { ...activated, by: 'ek-activation', signerSha256: akSha256 }
  return { by: 'nobody', root: undefined, signerSha256: akSha256, hardwareSha256: akSha256 }
}

/**
 * Under which the service hands in a finished activation, as collateral: what it had encrypted for the endorsement key under the
 * name of the attestation key (32 bytes), and what the server sent back (32 bytes).
 */
export function activationId(ek: TpmPublic, ak: TpmPublic): string {
  const of = createHash('sha256').update(tpmNameOf(ek)).update(tpmNameOf(ak)).digest('hex')
  return `tpm-activation:${of}`
}

/** What can be activated: the two keys of an item; undefined: it has not what that takes. Throws what parsers throw. */
export function activatableIn(
  ak: TpmPublic | undefined,
  endorsements: Members,
): { readonly ek: TpmPublic; readonly ak: TpmPublic } | undefined {
  if (!ak || !Object.hasOwn(endorsements, 'ek_public')) return undefined
  return { ek: parseTpmPublic(requiredBytes(endorsements, 'ek_public', LARGEST_KEY)), ak }
}

const SECRET = 32

function activationOf(
  { area }: AttestationKey,
  endorsements: Members,
  at: Verification,
): Pick<KeyTrust, 'root' | 'hardwareSha256'> | undefined {
  const roots = at.roots[EK_ROOTS] ?? []
  const pair = roots.length > 0 ? activatableIn(area, endorsements) : undefined
  const proof = pair && at.collateral.get(activationId(pair.ek, pair.ak))?.bytes
  if (!pair || !proof || !Object.hasOwn(endorsements, 'ek_cert')) return undefined
  const chain = chainIn(endorsements, 'ek', EK_PURPOSE)
  if (!isOf(chain.leaf, pair.ek)) throw new Denial('evidence.key_mismatch', 'ek_cert')
  const root = checkChain(chain, roots, at.now)
  const isReturned =
    proof.length === 2 * SECRET &&
    timingSafeEqual(proof.subarray(0, SECRET), proof.subarray(SECRET))
  if (!isReturned) throw new Denial('evidence.ak_untrusted', 'the activation was not answered')
  return { root, hardwareSha256: sha256Of(pair.ek.spki) }
}

/** The same bytes mostly; encodings of one key that differ are still one key. */
function isOf(certificate: Certificate, { spki, key }: Pick<TpmPublic, 'spki' | 'key'>): boolean {
  return equalBytes(certificate.spki, spki) || certificate.publicKey.equals(key)
}

interface Chain {
  readonly leaf: Certificate
  readonly issuers: readonly Certificate[]
}

function chainIn(endorsements: Members, of: 'ak' | 'ek', purpose: string): Chain {
  const leaf = Certificate.parse(requiredBytes(endorsements, `${of}_cert`, LARGEST_CERTIFICATE))
  const name = `${of}_chain`
  const issuers = Object.hasOwn(endorsements, name) ? endorsements[name] : []
  if (!Array.isArray(issuers)) throw malformed(`${name}: no list`)
  if (issuers.length > MOST_ISSUERS) throw new Denial('evidence.too_large', name)
  // a CA that also issues for servers must not make of their keys keys of a TPM
  const purposes = extKeyUsageOf(leaf)
  if (purposes && !purposes.includes(purpose))
    throw new Denial('evidence.chain', `${of}_cert: issued for another purpose`)
  if (basicConstraintsOf(leaf)?.isAuthority)
    throw new Denial('evidence.chain', `${of}_cert: a certificate authority`)
  const parse = (one: unknown) => Certificate.parse(base64urlBytes(one, name, LARGEST_CERTIFICATE))
  return { leaf, issuers: issuers.map(parse) }
}

function checkChain(
  { leaf, issuers }: Chain,
  roots: readonly EvidenceRoot[],
  now: number,
): EvidenceRoot {
  const chain = [leaf, ...issuers]
  for (const { extensions } of chain)
    for (const [oid, { critical }] of extensions)
      if (critical && !UNDERSTOOD.has(oid))
        throw new Denial('evidence.chain', `critical extension ${oid}`)
  const last = chain.at(-1) as Certificate
  if (!roots.some(({ der }) => equalBytes(der, last.der))) chain.push(rootOver(last, roots))
  return checkVendorChain(chain, roots, now)
}

/** Senders leave the root out. Two roots may have one name while one takes over from the other. */
function rootOver(last: Certificate, roots: readonly EvidenceRoot[]): Certificate {
  const named = roots
    .map(({ der }) => Certificate.parse(der))
    .filter(({ subject }) => equalBytes(subject, last.issuer))
  // of one alone the chain itself is the check
  const root =
    named.length > 1 ? named.find(({ publicKey }) => last.isSignedBy(publicKey)) : named[0]
  if (!root) throw new Denial('evidence.untrusted_root')
  return root
}

/** SHA-256, hex, of the public area: what an operator enrols, and the name of the key without its first two bytes. */
export function areaSha256Of({ bytes }: TpmPublic): string {
  return sha256Of(bytes)
}

export function sha256Of(bytes: Uint8Array): string {
  return hash('sha256', bytes)
}
