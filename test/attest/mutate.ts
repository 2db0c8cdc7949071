// Documents that must be refused, made from genuine ones: changed bytes, changed signatures, changed nonces. Knows no format.

/** One changed form of something, by what was done to it. */
export interface Mutation {
  readonly name: string
  readonly bytes: Uint8Array
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  const at = bit >> 3
  if (at >= bytes.length) throw new Error(`there is no bit ${bit}`)
  flipped[at] = (flipped[at] as number) ^ (1 << (bit & 7))
  return flipped
}

/** One bit of the first, the middle and the last byte of a part; `from` and `to` are offsets, `to` not included. */
export function flips(bytes: Uint8Array, part: string, from = 0, to = bytes.length): Mutation[] {
  const places = new Set([from, (from + to) >> 1, to - 1])
  return [...places].map((at) => ({
    name: `a bit of ${part} at ${at - from} of ${to - from}`,
    bytes: flipBit(bytes, at * 8 + (at % 8)),
  }))
}

/** The same length, other bytes from `at` on. */
export function replaceAt(bytes: Uint8Array, at: number, part: Uint8Array): Uint8Array {
  const replaced = Uint8Array.from(bytes)
  replaced.set(part, at)
  return replaced
}

/** Where `part` stands in `bytes`; it must stand there once. */
export function placeOf(bytes: Uint8Array, part: Uint8Array): number {
  const all = Buffer.from(bytes)
  const at = all.indexOf(part)
  if (at === -1 || all.indexOf(part, at + 1) !== -1) throw new Error('the part is not there once')
  return at
}

export function wrongLengths(bytes: Uint8Array): Mutation[] {
  return [
    { name: 'cut by one byte', bytes: bytes.subarray(0, -1) },
    { name: 'one byte more', bytes: Uint8Array.of(...bytes, 1) },
    { name: 'one zero byte more', bytes: Uint8Array.of(...bytes, 0) },
    { name: 'nothing', bytes: new Uint8Array() },
  ]
}

/** What is not the nonce but near to it. */
export function wrongNonces(nonce: Uint8Array): Mutation[] {
  return [
    { name: 'off by one byte', bytes: flipBit(nonce, nonce.length * 8 - 1) },
    { name: 'empty', bytes: new Uint8Array() },
    { name: 'a prefix', bytes: nonce.subarray(0, -1) },
    { name: 'padded with a zero', bytes: Uint8Array.of(...nonce, 0) },
    { name: 'behind a zero', bytes: Uint8Array.of(0, ...nonce) },
  ]
}

// ECDSA

export interface RS {
  readonly r: bigint
  readonly s: bigint
}

/** A form in which r and s are written. */
export interface SignatureForm {
  read(bytes: Uint8Array): RS
  write(signature: RS): Uint8Array
}

/** Orders of the groups (SEC 2). */
export const ORDER = {
  'P-256': 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  'P-384':
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
} as const

/** r and s side by side, `width` bytes each; little endian as AMD writes them. */
export function sideBySide(width: number, endian: 'big' | 'little' = 'big'): SignatureForm {
  const turned = (bytes: Uint8Array) => (endian === 'big' ? bytes : bytes.toReversed())
  return {
    read: (bytes) => ({
      r: numberOf(turned(bytes.subarray(0, width))),
      s: numberOf(turned(bytes.subarray(width, 2 * width))),
    }),
    write: ({ r, s }) => Uint8Array.of(...turned(bytesOf(r, width)), ...turned(bytesOf(s, width))),
  }
}

/** Ecdsa-Sig-Value of RFC 3279, as certificates have it. */
export const DER_FORM: SignatureForm = {
  read(bytes) {
    const rLength = bytes[3] as number
    const sAt = 4 + rLength
    return {
      r: numberOf(bytes.subarray(4, sAt)),
      s: numberOf(bytes.subarray(sAt + 2, sAt + 2 + (bytes[sAt + 1] as number))),
    }
  },
  write({ r, s }) {
    const [first, second] = [integer(r), integer(s)]
    const length = first.length + second.length
    if (length > 127) throw new Error('too long for a curve of 384 bits')
    return Uint8Array.of(0x30, length, ...first, ...second)
  },
}

/** Signatures that must not hold, whatever was signed. */
export function wrongSignatures(
  form: SignatureForm,
  order: bigint,
  signature: Uint8Array,
): Mutation[] {
  const { r, s } = form.read(signature)
  const made: readonly (readonly [string, RS])[] = [
    ['r and s swapped', { r: s, s: r }],
    ['r is 0', { r: 0n, s }],
    ['s is 0', { r, s: 0n }],
    ['r and s are 0', { r: 0n, s: 0n }],
    ['r is n', { r: order, s }],
    ['s is n', { r, s: order }],
    ['r is one more', { r: r + 1n, s }],
    ['s is one more', { r, s: s + 1n }],
  ]
  return made.map(([name, changed]) => ({ name, bytes: form.write(changed) }))
}

/** The other signature that holds: s is n - s. Whoever refuses it goes beyond ECDSA; whoever takes it for another document errs. */
export function twin(form: SignatureForm, order: bigint, signature: Uint8Array): Uint8Array {
  const { r, s } = form.read(signature)
  return form.write({ r, s: order - s })
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function bytesOf(value: bigint, width: number): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * width, '0'), 'hex')
}

function integer(value: bigint): Uint8Array {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const signed = (bytes[0] as number) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes])
  return Uint8Array.of(0x02, signed.length, ...signed)
}
