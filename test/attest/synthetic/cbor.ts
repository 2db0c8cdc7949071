// Writes CBOR for documents of tests: the counterpart of src/attest/format/cbor.ts, and what that one refuses.

export type Item = Uint8Array

function head(major: number, value: number): Uint8Array {
  const first = major << 5
  if (value < 24) return Uint8Array.of(first | value)
  if (value < 0x100) return Uint8Array.of(first | 24, value)
  const bytes = Buffer.alloc(9)
  if (value < 0x10000) {
    bytes[0] = first | 25
    bytes.writeUInt16BE(value, 1)
    return bytes.subarray(0, 3)
  }
  if (value < 0x100000000) {
    bytes[0] = first | 26
    bytes.writeUInt32BE(value, 1)
    return bytes.subarray(0, 5)
  }
  bytes[0] = first | 27
  bytes.writeBigUInt64BE(BigInt(value), 1)
  return bytes
}

export const number = (value: number): Item => (value < 0 ? head(1, -1 - value) : head(0, value))
export const bytes = (value: Uint8Array): Item => Buffer.concat([head(2, value.length), value])
export const text = (value: string): Item =>
  Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
export const array = (...items: readonly Item[]): Item =>
  Buffer.concat([head(4, items.length), ...items])
export const map = (...entries: readonly (readonly [Item, Item])[]): Item =>
  Buffer.concat([head(5, entries.length), ...entries.flat()])
export const indefiniteMap = (...entries: readonly (readonly [Item, Item])[]): Item =>
  Buffer.concat([Uint8Array.of(0xbf), ...entries.flat(), Uint8Array.of(0xff)])
export const tag = (value: number, item: Item): Item => Buffer.concat([head(6, value), item])
export const nothing: Item = Uint8Array.of(0xf6)
