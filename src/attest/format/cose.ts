// COSE_Sign1 (RFC 9052 section 4.2) with one algorithm, ES384: what was signed, and whether it was; no certificates, no payload.
import type { KeyObject } from 'node:crypto'
import { Denial, malformed } from '../denial.ts'
import { type CborMap, CborTag, type CborValue, readCbor } from './cbor.ts'
import { isSigned } from './signature.ts'

export interface Sign1 {
  /** As it stands in the document. */
  readonly payload: Uint8Array
  /** What the signature is over, Sig_structure of section 4.4: of the bytes as they were received. */
  readonly signed: Uint8Array
  /** r and s side by side. */
  readonly signature: Uint8Array
}

const TAG = 18
const HEADER = { alg: 1, crit: 2 } as const
/** RFC 9053 section 2.1. */
const ES384 = -35
const SIGNATURE_BYTES = 96

/** Throws `evidence.malformed`, `evidence.too_large`, and `evidence.weak_algorithm` when the protected header has not ES384. */
export function readSign1(bytes: Uint8Array, what: string): Sign1 {
  const read = readCbor(bytes, what)
  const message = read instanceof CborTag && read.tag === TAG ? read.value : read
  if (!Array.isArray(message) || message.length !== 4)
    throw malformed(`${what}: not the four parts of COSE_Sign1`)
  const [header, unprotected, payload, signature] = message as readonly CborValue[]
  if (
    !(header instanceof Uint8Array) ||
    !(unprotected instanceof Map) ||
    !(payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  )
    throw malformed(`${what}: a part of COSE_Sign1 is of another type`)
  assertHeaders(header, unprotected, what)
  if (signature.length !== SIGNATURE_BYTES) throw malformed(`${what}: length of the signature`)
  return { payload, signed: sigStructure(header, payload), signature }
}

export function isSign1Signed({ signed, signature }: Sign1, key: KeyObject): boolean {
  return isSigned({ key: 'ec', hash: 'sha384' }, key, signed, signature, 'ieee-p1363')
}

function assertHeaders(header: Uint8Array, unprotected: CborMap, what: string): void {
  // an empty header is written as no bytes (section 3)
  const inside = header.length === 0 ? new Map() : readCbor(header, what)
  if (!(inside instanceof Map)) throw malformed(`${what}: the protected header is no map`)
  // only what is signed counts: an algorithm beside the signature is anybody's
  if (inside.get(HEADER.alg) !== ES384)
    throw new Denial('evidence.weak_algorithm', `${what}: not ES384 in the protected header`)
  if (inside.has(HEADER.crit)) throw malformed(`${what}: a critical header that is not known here`)
  for (const label of unprotected.keys())
    if (inside.has(label)) throw malformed(`${what}: a header both protected and not`)
}

// ["Signature1", protected, h'', payload]: an array of four, then text and byte strings
const START = Uint8Array.of(0x84, 0x6a, ...Buffer.from('Signature1'))
const NO_EXTERNAL_DATA = Uint8Array.of(0x40)

function sigStructure(header: Uint8Array, payload: Uint8Array): Uint8Array {
  return Buffer.concat([
    START,
    byteHead(header.length),
    header,
    NO_EXTERNAL_DATA,
    byteHead(payload.length),
    payload,
  ])
}

/** Of a byte string below 64 KiB, which the size of a document sees to. */
function byteHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length)
  if (length < 256) return Uint8Array.of(0x58, length)
  return Uint8Array.of(0x59, length >> 8, length & 0xff)
}
