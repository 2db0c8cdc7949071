// SignedData in the wire form of AWS and Azure, signed by a test. Synthetic: no provider stands behind it.
import { createHash, sign } from 'node:crypto'
import { explicit, indefinite, integer, nothing, octets, oid, sequence, set, tlv } from './asn1.ts'
import { type Issued, nameOf } from './authority.ts'

const DATA = oid('1.2.840.113549.1.7.1')
export const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing)
const attribute = (id: string, ...values: readonly Uint8Array[]): Buffer =>
  sequence(oid(id), set(...values))

export interface CmsWish {
  readonly content: Uint8Array
  readonly signer: Issued
  /** Names another certificate than the one whose key signs. */
  readonly named?: Issued
  readonly certificates?: readonly Issued[]
  /** Left out: what belongs there. Null: none, and the content is signed itself. */
  readonly attributes?: readonly Uint8Array[] | null
  readonly digest?: Buffer
  readonly algorithm?: Buffer
  /** As AWS writes it: indefinite lengths, the content in pieces. */
  readonly isBer?: boolean
  readonly signers?: number
  /** Contents of the named key identifier, instead of issuer and serial. */
  readonly keyIdentifier?: Buffer
  readonly version?: number
  readonly signerVersion?: number
  readonly digests?: readonly Buffer[]
}

export const attributesOf = (content: Uint8Array): Buffer[] => [
  attribute('1.2.840.113549.1.9.3', DATA),
  attribute('1.2.840.113549.1.9.4', octets(createHash('sha256').update(content).digest())),
]

export function signedData(wish: CmsWish): Buffer {
  const { content, isBer = false, certificates = [], signers = 1 } = wish
  const wrap = isBer ? indefinite : tlv
  const half = content.length >> 1
  const body = isBer
    ? indefinite(0x24, octets(content.subarray(0, half)), octets(content.subarray(half)))
    : octets(content)
  const data = wrap(
    0x30,
    integer(wish.version ?? (wish.keyIdentifier ? 3 : 1)),
    set(...(wish.digests ?? [wish.digest ?? SHA256])),
    wrap(0x30, DATA, wrap(0xa0, body)),
    ...(certificates.length > 0 ? [explicit(0, ...certificates.map(({ der }) => der))] : []),
    set(...Array.from({ length: signers }, () => signerInfo(wish))),
  )
  return wrap(0x30, oid('1.2.840.113549.1.7.2'), wrap(0xa0, data))
}

function signerInfo(wish: CmsWish): Buffer {
  const { content, signer, named = signer } = wish
  const attributes = wish.attributes === undefined ? attributesOf(content) : wish.attributes
  const input = attributes ? set(...attributes) : content
  return sequence(
    integer(wish.signerVersion ?? (wish.keyIdentifier ? 3 : 1)),
    wish.keyIdentifier
      ? tlv(0x80, wish.keyIdentifier)
      : sequence(nameOf(named.issuerName), integer(named.serial)),
    wish.digest ?? SHA256,
    ...(attributes ? [explicit(0, ...attributes)] : []),
    wish.algorithm ?? sequence(oid('1.2.840.113549.1.1.1'), nothing),
    octets(sign('sha256', input, signer.keys.privateKey)),
  )
}
