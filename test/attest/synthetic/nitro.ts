// Documents of Nitro Enclaves under a root of a test, in the form that the hypervisor writes: for binders that no genuine one carries.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { EvidenceItem, EvidenceRoot } from '../../../src/attest/evidence/evidence.ts'
import { array, bytes, type Item, indefiniteMap, map, nothing, number, tag, text } from './cbor.ts'
import { type Bytes, crlPoint, makeCertificate } from './certificate.ts'

export interface EnclaveOptions {
  /** Milliseconds since the epoch; the leaf is valid for three hours from a second before it. */
  readonly startedAt: number
  /** Of the two upper intermediates. */
  readonly crlUrls?: readonly [string, string]
}

export interface Enclave {
  readonly root: EvidenceRoot
  /** Names and keys of root and region, as issuers of lists. */
  readonly issuers: readonly { readonly name: string; readonly key: KeyObject }[]
  /** Of the key that signs documents. */
  readonly key: KeyObject
  readonly leaf: Bytes
  /** Of the authority above it. */
  readonly instanceKey: KeyObject
  /** The root first. */
  readonly cabundle: readonly Bytes[]
}

const DAY = 86_400_000
const MODULE = 'i-0123456789abcdef0-enc0123456789abcdef'

/** An enclave of its own vendor: root, region, zone, instance, enclave. */
export function makeEnclave({ startedAt, crlUrls }: EnclaveOptions): Enclave {
  const key = () => generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const [root, region, zone, instance, enclave] = [key(), key(), key(), key(), key()]
  const names = ['aws.nitro-enclaves', 'region.aws.nitro-enclaves', 'zone.aws.nitro-enclaves', 'instance.aws.nitro-enclaves', 'enclave.aws'] as const // biome-ignore format: from the root down
  const times = { notBefore: startedAt - DAY, notAfter: startedAt + DAY }
  const issuedBy = (at: 0 | 1 | 2 | 3, by: typeof root) => ({ name: names[at], key: by.privateKey })
  const list = (at: 0 | 1) => (crlUrls ? [crlPoint(crlUrls[at])] : [])
  const rootDer = makeCertificate({ notBefore: startedAt - 365 * DAY, notAfter: startedAt + 365 * DAY, subject: names[0], publicKey: root.publicKey, issuer: issuedBy(0, root), authority: {}, usage: 0x86 }) // biome-ignore format: one certificate
  const cabundle = [
    rootDer,
    makeCertificate({ ...times, subject: names[1], publicKey: region.publicKey, issuer: issuedBy(0, root), authority: { pathLength: 2 }, usage: 0x86, serial: 11, extensions: list(0) }),
    makeCertificate({ ...times, subject: names[2], publicKey: zone.publicKey, issuer: issuedBy(1, region), authority: { pathLength: 1 }, usage: 0x86, serial: 12, extensions: list(1) }),
    makeCertificate({ ...times, subject: names[3], publicKey: instance.publicKey, issuer: issuedBy(2, zone), authority: { pathLength: 0 }, usage: 0x04, serial: 13 }),
  ] // biome-ignore format: a row is a certificate
  const leaf = makeCertificate({ notBefore: startedAt - 1000, notAfter: startedAt + 3 * 3_600_000, subject: names[4], publicKey: enclave.publicKey, issuer: issuedBy(3, instance), usage: 0xc0, serial: 14 }) // biome-ignore format: one certificate
  return {
    root: { id: 'synthetic-nitro', der: rootDer, synthetic: true },
    issuers: [issuedBy(0, root), issuedBy(1, region)],
    key: enclave.privateKey,
    leaf,
    instanceKey: instance.privateKey,
    cabundle,
  }
}

export interface DocumentOptions {
  readonly timestamp: number
  readonly nonce?: Bytes
  readonly userData?: Bytes
  readonly publicKey?: Bytes
  /** By index; others from 0 to 15 are zero. By default 0, 1 and 2 are not. */
  readonly pcrs?: Readonly<Record<number, Bytes>>
  readonly cabundle?: readonly Bytes[]
  readonly leaf?: Bytes
  /** Members beside or instead of those, after them. */
  readonly members?: readonly (readonly [name: string, item: Item])[]
  /** As documents of 2026 are: a map of indefinite length. */
  readonly indefinite?: boolean
  readonly without?: string
}

export function makePayload(enclave: Enclave, options: DocumentOptions): Bytes {
  const { timestamp, nonce, userData, publicKey, members = [], indefinite, without } = options
  const pcrs: Record<number, Bytes> = options.pcrs ?? { 0: pcr(0xa0), 1: pcr(0xa1), 2: pcr(0xa2) }
  const all = Array.from({ length: 16 }, (_, i) => [number(i), bytes(pcrs[i] ?? pcr(0))] as const)
  const optional = (value: Bytes | undefined) => (value ? bytes(value) : nothing)
  const entries: (readonly [string, Item])[] = [
    ['module_id', text(MODULE)],
    ['digest', text('SHA384')],
    ['timestamp', number(timestamp)],
    ['pcrs', map(...all)],
    ['certificate', bytes(options.leaf ?? enclave.leaf)],
    ['cabundle', array(...(options.cabundle ?? enclave.cabundle).map(bytes))],
    ['public_key', optional(publicKey)],
    ['user_data', optional(userData)],
    ['nonce', optional(nonce)],
  ]
  const replaced = new Set(members.map(([name]) => name))
  const kept = entries.filter(([name]) => name !== without && !replaced.has(name))
  const written = [...kept, ...members].map(([name, item]) => [text(name), item] as const)
  return indefinite ? indefiniteMap(...written) : map(...written)
}

export const pcr = (byte: number): Bytes => Buffer.alloc(48, byte)

/** Protected header of a genuine document: ES384. */
export const ES384 = map([number(1), number(-35)])

export interface MessageOptions {
  readonly header?: Bytes
  readonly unprotected?: Bytes
  readonly tagged?: boolean
}

/** Signed over what it says, whatever its headers are. */
export function makeMessage(
  payload: Bytes,
  key: KeyObject,
  { header = ES384, unprotected = map(), tagged }: MessageOptions = {},
): Bytes {
  const structure = array(
    text('Signature1'),
    bytes(header),
    bytes(new Uint8Array()),
    bytes(payload),
  )
  const signature = sign('sha384', structure, { key, dsaEncoding: 'ieee-p1363' })
  const message = array(bytes(header), unprotected, bytes(payload), bytes(signature))
  return tagged ? tag(18, message) : message
}

export function makeDocument(enclave: Enclave, options: DocumentOptions): Bytes {
  return makeMessage(makePayload(enclave, options), enclave.key)
}

export function nitroItem(document: Bytes): EvidenceItem {
  return { type: 'nitro', bytes: document, endorsements: {} }
}
