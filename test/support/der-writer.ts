// Writes DER for tests, right and wrong alike; it checks nothing.

export const der = {
  element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
    const content = Buffer.concat(parts)
    return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content])
  },
  /** BER: a length that is not said, and two zeros at the end. */
  indefinite: (tag: number, ...parts: readonly Uint8Array[]): Buffer =>
    Buffer.concat([Buffer.from([tag, 0x80]), ...parts, Buffer.alloc(2)]),
  sequence: (...parts: readonly Uint8Array[]): Buffer => der.element(0x30, ...parts),
  set: (...parts: readonly Uint8Array[]): Buffer => der.element(0x31, ...parts),
  /** `[n]` of the context class, constructed. */
  explicit: (n: number, ...parts: readonly Uint8Array[]): Buffer => der.element(0xa0 | n, ...parts),
  /** `[n]` of the context class, primitive. */
  implicit: (n: number, ...parts: readonly Uint8Array[]): Buffer => der.element(0x80 | n, ...parts),
  octets: (...parts: readonly Uint8Array[]): Buffer => der.element(0x04, ...parts),
  bits: (bytes: Uint8Array, unused = 0): Buffer => der.element(0x03, Buffer.from([unused]), bytes),
  boolean: (value: boolean): Buffer => der.element(0x01, Buffer.from([value ? 0xff : 0])),
  null: (): Buffer => der.element(0x05),
  /** Not negative. */
  integer(value: number | Uint8Array): Buffer {
    if (typeof value !== 'number') return der.element(0x02, value)
    const hex = value.toString(16)
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
    return der.element(
      0x02,
      (bytes[0] as number) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0),
      bytes,
    )
  },
  enumerated: (value: number): Buffer => der.element(0x0a, Buffer.from([value])),
  text: (tag: number, text: string): Buffer => der.element(tag, Buffer.from(text)),
  oid(dotted: string): Buffer {
    const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
    return der.element(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
  },
  /** UTCTime to 2049, GeneralizedTime from then on, as RFC 5280 wants it. */
  time(at: number): Buffer {
    const text = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')
    return at < Date.UTC(2050, 0) ? der.text(0x17, text.slice(2)) : der.text(0x18, text)
  },
  generalizedTime: (at: number): Buffer =>
    der.text(0x18, new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '')),
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  const hex = length.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return [0x80 | bytes.length, ...bytes]
}

function base128(arc: number): number[] {
  const low = arc % 128
  return arc < 128 ? [low] : [...high(Math.floor(arc / 128)), low]
}

function high(arc: number): number[] {
  return [...(arc < 128 ? [] : high(Math.floor(arc / 128))), 0x80 | (arc % 128)]
}
