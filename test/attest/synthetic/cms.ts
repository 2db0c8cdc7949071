// SignedData in the wire form of AWS and Azure, signed by a test. Synthetic: no provider stands behind it.
import { createHash, sign } from 'node:crypto'
import { commonName } from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'
import type { Issued } from './authority.ts'

const DATA = der.oid('1.2.840.113549.1.7.1')
export const SHA256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.null())
const attribute = (id: string, ...values: readonly Uint8Array[]): Buffer =>
  der.sequence(der.oid(id), der.set(...values))

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
  attribute('1.2.840.113549.1.9.4', der.octets(createHash('sha256').update(content).digest())),
]

export function signedData(wish: CmsWish): Buffer {
  const { content, isBer = false, certificates = [], signers = 1 } = wish
  const wrap = isBer ? der.indefinite : der.element
  const half = content.length >> 1
  const body = isBer
    ? der.indefinite(
        0x24,
        der.octets(content.subarray(0, half)),
        der.octets(content.subarray(half)),
      )
    : der.octets(content)
  const data = wrap(
    0x30,
    der.integer(wish.version ?? (wish.keyIdentifier ? 3 : 1)),
    der.set(...(wish.digests ?? [wish.digest ?? SHA256])),
    wrap(0x30, DATA, wrap(0xa0, body)),
    ...(certificates.length > 0 ? [der.explicit(0, ...certificates.map((each) => each.der))] : []),
    der.set(...Array.from({ length: signers }, () => signerInfo(wish))),
  )
  return wrap(0x30, der.oid('1.2.840.113549.1.7.2'), wrap(0xa0, data))
}

function signerInfo(wish: CmsWish): Buffer {
  const { content, signer, named = signer } = wish
  const attributes = wish.attributes === undefined ? attributesOf(content) : wish.attributes
  const input = attributes ? der.set(...attributes) : content
  return der.sequence(
    der.integer(wish.signerVersion ?? (wish.keyIdentifier ? 3 : 1)),
    wish.keyIdentifier
      ? der.element(0x80, wish.keyIdentifier)
      : der.sequence(commonName(named.issuerName), der.integer(named.serial)),
    wish.digest ?? SHA256,
    ...(attributes ? [der.explicit(0, ...attributes)] : []),
    wish.algorithm ?? der.sequence(der.oid('1.2.840.113549.1.1.1'), der.null()),
    der.octets(sign('sha256', input, signer.keys.privateKey)),
  )
}
