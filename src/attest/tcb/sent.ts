// Collateral in its two forms, fetched by us or sent with the quote, as one; bytes only, none of it checked.
import type { Collateral } from '../collateral.ts'
import { Denial } from '../denial.ts'
import type { Json } from './fields.ts'
import { hexBytesOf, invalid } from './fields.ts'
import { membersOf } from './members.ts'

/** A document that Intel signs: the object as received, its signature, and the chain of who signed. */
export interface SignedDocument {
  readonly what: string
  readonly inner: Uint8Array
  /** r and s, 32 bytes each. */
  readonly signature: Uint8Array
  /** PEM; undefined: none came with it. */
  readonly chain: string | undefined
}

export interface Sent {
  readonly tcb?: SignedDocument
  readonly qe?: SignedDocument
  readonly pckCrl?: Uint8Array
  readonly rootCrl?: Uint8Array
}

/** TCB Info with many levels takes 30 KiB. */
export const LARGEST_DOCUMENT = 256 * 1024
const SIGNATURE = 64
const QUOTATION_MARK = 0x22

/** Of `endorsements.collateral`, with the names that DCAP tools give its members: texts as received, signatures and CRLs as hex. */
export function sentAlong(endorsements: Json): Sent {
  const given = endorsements.collateral
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid('endorsements.collateral: no object')
  const from = given as Json
  const tcb = signedIn(from, 'tcb_info', 'TCB info')
  const qe = signedIn(from, 'qe_identity', 'QE identity')
  const pckCrl = crlIn(from, 'pck_crl')
  const rootCrl = crlIn(from, 'root_ca_crl')
  return {
    ...(tcb && { tcb }),
    ...(qe && { qe }),
    ...(pckCrl && { pckCrl }),
    ...(rootCrl && { rootCrl }),
  }
}

function signedIn(from: Json, name: string, what: string): SignedDocument | undefined {
  const inner = textIn(from, name)
  if (inner === undefined) return undefined
  return {
    what,
    inner: Buffer.from(inner),
    signature: hexBytesOf(from[`${name}_signature`], SIGNATURE, `${what} signature`),
    chain: textIn(from, `${name}_issuer_chain`),
  }
}

function crlIn(from: Json, name: string): Uint8Array | undefined {
  const hex = textIn(from, name)
  return hex === undefined ? undefined : hexBytesOf(hex, hex.length >> 1, name)
}

function textIn(from: Json, name: string): string | undefined {
  const text = Object.hasOwn(from, name) ? from[name] : undefined
  if (text === undefined) return undefined
  if (typeof text !== 'string') throw invalid(`${name}: no text`)
  if (text.length > LARGEST_DOCUMENT) throw new Denial('evidence.too_large', name)
  return text
}

interface Response {
  readonly what: string
  /** The member that is signed. */
  readonly member: string
  /** Headers that may carry the issuer chain, of PCS v4 and of older ones. */
  readonly headers: readonly string[]
}

export const TCB_RESPONSE: Response = {
  what: 'TCB info',
  member: 'tcbInfo',
  headers: ['tcb-info-issuer-chain', 'sgx-tcb-info-issuer-chain'],
}
export const QE_RESPONSE: Response = {
  what: 'QE identity',
  member: 'enclaveIdentity',
  headers: ['sgx-enclave-identity-issuer-chain'],
}

/** A response of PCS or PCCS; undefined: it was not fetched. */
export function signedResponse(
  collateral: Collateral,
  id: string,
  { what, member, headers }: Response,
): SignedDocument | undefined {
  const received = collateral.get(id)
  if (!received) return undefined
  if (received.bytes.length > LARGEST_DOCUMENT) throw new Denial('evidence.too_large', what)
  const members = membersOf(received.bytes, what)
  const inner = members.get(member)
  const quoted = members.get('signature')
  if (!inner || quoted?.[0] !== QUOTATION_MARK || members.size !== 2)
    throw invalid(`${what}: not of the two members ${member} and signature`)
  const hex = Buffer.from(quoted.subarray(1, -1)).toString('latin1')
  return {
    what,
    inner,
    signature: hexBytesOf(hex, SIGNATURE, `${what} signature`),
    chain: chainIn(received.headers ?? {}, headers, what),
  }
}

function chainIn(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
  what: string,
): string | undefined {
  const found = Object.entries(headers).find(([name]) => names.includes(name.toLowerCase()))
  if (!found) return undefined
  try {
    return decodeURIComponent(found[1].slice(0, LARGEST_DOCUMENT))
  } catch {
    throw invalid(`${what}: its issuer chain is not percent-encoded`)
  }
}

const HEX_TEXT = /^[0-9a-fA-F]+\s*$/

/** DER, as PCS has it, or its hex, as a PCCS answers for the root. */
export function crlResponse(collateral: Collateral, id: string): Uint8Array | undefined {
  const bytes = collateral.get(id)?.bytes
  // DER begins with 0x30, which is also the digit 0: a CRL is never all hex digits, as its second byte is a length above 0x7f
  if (!bytes || (bytes[1] ?? 0) > 0x7f) return bytes
  const text = Buffer.from(bytes.subarray(0, LARGEST_DOCUMENT)).toString('latin1')
  return HEX_TEXT.test(text) ? Buffer.from(text.trim(), 'hex') : bytes
}
