// Writes DER for documents of tests: the counterpart of src/attest/format/der.ts.

export type Bytes = Uint8Array

export function tlv(tag: number, ...content: readonly Bytes[]): Bytes {
  const whole = Buffer.concat(content)
  const { length } = whole
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  return Uint8Array.of(...head, ...whole)
}

export const sequence = (...content: readonly Bytes[]): Bytes => tlv(0x30, ...content)
export const set = (...content: readonly Bytes[]): Bytes => tlv(0x31, ...content)
export const octets = (content: Bytes): Bytes => tlv(0x04, content)
export const bits = (content: Bytes, unused = 0): Bytes => tlv(0x03, Uint8Array.of(unused), content)
export const utf8 = (text: string): Bytes => tlv(0x0c, Buffer.from(text))
export const ia5 = (text: string): Bytes => tlv(0x16, Buffer.from(text, 'latin1'))
export const boolean = (value: boolean): Bytes => tlv(0x01, Uint8Array.of(value ? 0xff : 0))
export const explicit = (n: number, ...content: readonly Bytes[]): Bytes =>
  tlv(0xa0 | n, ...content)

/** Not negative. */
export function integer(value: number | bigint): Bytes {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return (bytes[0] as number) < 0x80 ? tlv(0x02, bytes) : tlv(0x02, Uint8Array.of(0), bytes)
}

export function oid(text: string): Bytes {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return tlv(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

/** GeneralizedTime; UTCTime before 2050, as RFC 5280 wants it. */
export function time(ms: number): Bytes {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  return new Date(ms).getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(text.slice(2)))
    : tlv(0x18, Buffer.from(text))
}

function base128(arc: number): number[] {
  const digits = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift(0x80 | (rest % 128))
  return digits
}
