// DER written by tests, element by element; the inverse of format/der.ts, and it checks nothing.

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  const octets: number[] = []
  for (let left = length; left > 0; left >>= 8) octets.unshift(left & 0xff)
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length, ...octets), content])
}

/** BER: a length that is not said, and the two zeros at the end. */
export const indefinite = (tag: number, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(tag, 0x80), ...parts, Buffer.of(0, 0)])

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts)
export const set = (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, ...parts)
export const explicit = (n: number, ...parts: readonly Uint8Array[]): Buffer => tlv(0xa0 | n, ...parts) // biome-ignore format: one line
export const octets = (bytes: Uint8Array): Buffer => tlv(0x04, bytes)
export const bits = (bytes: Uint8Array): Buffer => tlv(0x03, Buffer.of(0), bytes)
export const integer = (value: number): Buffer => tlv(0x02, Buffer.from([...(value > 0x7fff ? [0] : []), ...(value > 0x7f ? [value >> 8] : []), value & 0xff])) // biome-ignore format: small ones only
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text))
export const yes: Buffer = Buffer.of(0x01, 0x01, 0xff)
export const nothing: Buffer = Buffer.of(0x05, 0x00)

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left % 128) | 0x80)
    return groups
  })
  return tlv(0x06, Buffer.from(arcs))
}

/** GeneralizedTime. */
export const time = (at: number): Buffer =>
  tlv(0x18, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')}`, 'latin1'))
