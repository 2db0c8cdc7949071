// Chains of records: each digest covers the one before it and one record, and a signature now and then covers all so far; where records are kept it does not know.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign,
} from 'node:crypto'
import { AppError, messageOf } from './errors.ts'

/** The record at position `n`, from 1, of a chain. */
export interface Head {
  readonly chain: string
  readonly n: number
  readonly hash: string
}

/** SHA-256 in base64url over the digest before it (nothing at the start of a chain), a line feed and the record as it is kept. */
export function link(previous: string, record: string | Uint8Array): string {
  if (typeof record === 'string') return hash('sha256', `${previous}\n${record}`, 'base64url')
  return createHash('sha256').update(`${previous}\n`).update(record).digest('base64url')
}

/** SHA-256 of any bytes, in base64url. */
export function digestOf(bytes: string | Uint8Array): string {
  return hash('sha256', bytes, 'base64url')
}

/** `details` of the record that begins a chain. */
export interface ChainDetails {
  /** What chains in the same place had come to: whoever takes one of them away is found. */
  readonly previous: readonly Head[]
  /** Digests of what crashes left of lines just before. */
  readonly torn?: readonly string[]
}

/** `details` of a record that signs the record before it and so all before that one. */
export interface CheckpointDetails {
  readonly n: number
  readonly hash: string
  /** Of the key: the beginning of the SHA-256 of its SPKI, in base64url. */
  readonly key: string
  /** Ed25519 (RFC 8032) over `signedText`, in base64url. */
  readonly signature: string
}

/** `details` of the record that says what the gateway itself has removed because it was old. */
export interface PrunedDetails {
  /** The last removed record of each chain: what is left of it begins with the next. */
  readonly anchors: readonly Head[]
}

export interface Signer {
  readonly key: string
  checkpoint(head: Head): CheckpointDetails
}

/** Throws CONFIG_INVALID when it is not an Ed25519 private key in PEM (PKCS #8, RFC 8410). */
export function createSigner(pem: string): Signer {
  const privateKey = ed25519(pem, createPrivateKey)
  const key = keyId(createPublicKey(privateKey))
  return {
    key,
    checkpoint(head) {
      const signature = sign(null, Buffer.from(signedText(head)), privateKey).toString('base64url')
      return { n: head.n, hash: head.hash, key, signature }
    },
  }
}

/** Throws CONFIG_INVALID when it is not an Ed25519 public key in PEM. */
export function readPublicKey(pem: string): KeyObject {
  return ed25519(pem, createPublicKey)
}

function ed25519(pem: string, read: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject
  try {
    key = read(pem)
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `the key cannot be read: ${messageOf(error)}`)
  }
  if (key.asymmetricKeyType === 'ed25519') return key
  throw new AppError('CONFIG_INVALID', `the key is ${key.asymmetricKeyType}, not ed25519`)
}

export function keyId(key: KeyObject): string {
  return digestOf(key.export({ type: 'spki', format: 'der' })).slice(0, 16)
}

/** The first line keeps a signature from meaning anything elsewhere. */
export function signedText({ chain, n, hash }: Head): string {
  return `portcullis audit checkpoint 1\n${chain}\n${n}\n${hash}`
}

/** When a chain is signed again: after so many records, or so long after the first that is not covered. */
export const CHECKPOINT = { records: 1000, ms: 10_000 } as const
