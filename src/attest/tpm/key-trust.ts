// Who vouches for the attestation key of a TPM: a certificate of its own, or the endorsement key it was activated with. Enrolment is the policy's.
import { createHash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import type { Claims, EvidenceRoot, Expected, Verification } from '../evidence/evidence.ts'
import type { Certificate } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import {
  type Certified,
  certifiedBy,
  isCertified,
  type Revocation,
  revocationOf,
} from './key-chain.ts'
import { type Members, optionalBytes, requiredBytes } from './members.ts'
import {
  faultOfAttestationKey,
  parseTpmPublic,
  strongKeyOf,
  type TpmPublic,
  tpmNameOf,
} from './public.ts'

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
  /** `no list`: no certificate of the chain points to one. Undefined: there is no certificate. */
  readonly revocation?: Revocation
  readonly collateral: Claims['collateral']
}

const LARGEST_KEY = 2048
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
 * `evidence.untrusted_root`, `evidence.key_mismatch`, `evidence.expired`, `evidence.not_yet_valid`, `evidence.ak_untrusted`,
 * `evidence.revoked`, `evidence.collateral_stale`, `evidence.collateral_invalid`.
 */
export function keyTrustOf(ak: AttestationKey, endorsements: Members, at: Verification): KeyTrust {
  const { spkiSha256: akSha256 } = ak
  // a proof is there only where the policy asked for it
  const activated = activationOf(ak, endorsements, at)
  if (activated) return { ...activated, by: 'ek-activation', signerSha256: akSha256 }
  const ofKey = { signerSha256: akSha256, hardwareSha256: akSha256 }
  if (!isCertified('ak', endorsements, at))
    return { ...ofKey, by: 'nobody', root: undefined, collateral: [] }
  const certified = certifiedBy('ak', endorsements, at)
  if (!isOf(certified.leaf, ak)) throw new Denial('evidence.key_mismatch', 'ak_cert')
  return { ...ofKey, by: 'ak-cert', signerSha256: certified.leaf.sha256, ...trustOf(certified, at) }
}

export interface ActivationPair {
  readonly ek: TpmPublic
  readonly ak: TpmPublic
}

/**
 * Under which the service hands in a finished activation, as collateral: what it had encrypted for the endorsement key under the
 * name of the attestation key (32 bytes), and what the server sent back (32 bytes). `expected` is of one challenge, so that the
 * proof of another one is never found.
 */
export function activationId({ ek, ak }: ActivationPair, { bytes }: Expected): string {
  const names = createHash('sha256').update(tpmNameOf(ek)).update(tpmNameOf(ak)).update(bytes)
  return `tpm-activation:${names.digest('hex')}`
}

/** What can be activated: the two keys of an item; undefined: it has not what that takes. Throws what parsers throw. */
export function activatableIn(
  ak: TpmPublic | undefined,
  endorsements: Members,
): ActivationPair | undefined {
  if (!ak || !Object.hasOwn(endorsements, 'ek_public')) return undefined
  return { ek: parseTpmPublic(requiredBytes(endorsements, 'ek_public', LARGEST_KEY)), ak }
}

/** Bytes. */
export const SECRET = 32

function activationOf(
  { area }: AttestationKey,
  endorsements: Members,
  at: Verification,
): Omit<KeyTrust, 'by' | 'signerSha256'> | undefined {
  if (!at.expected || !isCertified('ek', endorsements, at)) return undefined
  const pair = activatableIn(area, endorsements)
  const proof = pair && at.collateral.get(activationId(pair, at.expected))?.bytes
  if (!pair || !proof) return undefined
  const certified = certifiedBy('ek', endorsements, at)
  if (!isOf(certified.leaf, pair.ek)) throw new Denial('evidence.key_mismatch', 'ek_cert')
  const isReturned =
    proof.length === 2 * SECRET &&
    timingSafeEqual(proof.subarray(0, SECRET), proof.subarray(SECRET))
  if (!isReturned) throw new Denial('evidence.ak_untrusted', 'the activation was not answered')
  return { hardwareSha256: sha256Of(pair.ek.spki), ...trustOf(certified, at) }
}

function trustOf(certified: Certified, at: Verification) {
  return { root: certified.root, ...revocationOf(certified, at) }
}

/** The same bytes mostly; encodings of one key that differ are still one key. */
function isOf(certificate: Certificate, { spki, key }: Pick<TpmPublic, 'spki' | 'key'>): boolean {
  return equalBytes(certificate.spki, spki) || certificate.publicKey.equals(key)
}

/** SHA-256, hex, of the public area: what an operator enrols, and the name of the key without its first two bytes. */
export function areaSha256Of({ bytes }: TpmPublic): string {
  return sha256Of(bytes)
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
