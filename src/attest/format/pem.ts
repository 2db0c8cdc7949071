// PEM (RFC 7468, strict): labelled base64 blocks to bytes; text around blocks is not looked at.
import { Denial, malformed } from '../denial.ts'

export interface PemBlock {
  readonly label: string
  readonly bytes: Uint8Array
}

const BEGIN = '-----BEGIN '
const DASHES = '-----'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Every block in its order. Throws `evidence.malformed`, or `evidence.too_large` above either bound. */
export function readPem(
  text: string,
  bounds = { bytes: 256 * 1024, blocks: 16 },
): readonly PemBlock[] {
  if (text.length > bounds.bytes) throw new Denial('evidence.too_large', 'PEM')
  const blocks: PemBlock[] = []
  for (let at = text.indexOf(BEGIN); at !== -1; ) {
    const close = text.indexOf(DASHES, at + BEGIN.length)
    if (close === -1) throw malformed('PEM: a label that does not end')
    const label = text.slice(at + BEGIN.length, close)
    const footer = `${DASHES}END ${label}${DASHES}`
    const end = text.indexOf(footer, close)
    if (end === -1) throw malformed('PEM: a block that does not end')
    if (blocks.length === bounds.blocks)
      throw new Denial('evidence.too_large', 'PEM: too many blocks')
    blocks.push({ label, bytes: decoded(text.slice(close + DASHES.length, end)) })
    at = text.indexOf(BEGIN, end + footer.length)
  }
  return blocks
}

function decoded(body: string): Uint8Array {
  const base64 = body.replace(/[\r\n\t ]/g, '')
  if (base64 === '' || !BASE64.test(base64)) throw malformed('PEM: no base64')
  return Buffer.from(base64, 'base64')
}

/** A certificate as text. */
export function pemOf(der: Uint8Array): string {
  // an empty line, as one after a last line that is full, makes it unreadable to OpenSSL
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
