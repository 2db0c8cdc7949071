// Numbers of a public key as SubjectPublicKeyInfo in DER (RFC 3279, RFC 5480): one encoding for one key, so that its digest is that of the key.
import { malformed } from '../denial.ts'

/** Everything before the point: by TPM_ECC_CURVE, with the size of a coordinate. */
const CURVES: ReadonlyMap<number, { readonly head: Buffer; readonly size: number }> = new Map([
  [0x0003, curve('3059301306072a8648ce3d020106082a8648ce3d030107034200', 32)],
  [0x0004, curve('3076301006072a8648ce3d020106052b81040022036200', 48)],
  [0x0005, curve('30819b301006072a8648ce3d020106052b8104002303818600', 66)],
])

function curve(head: string, size: number): { readonly head: Buffer; readonly size: number } {
  return { head: Buffer.from(head, 'hex'), size }
}

/** Undefined: a curve that is not in use here. A TPM may leave out leading zeros of the coordinates. */
export function eccSpki(id: number, x: Uint8Array, y: Uint8Array): Uint8Array | undefined {
  const found = CURVES.get(id)
  if (!found) return undefined
  const { head, size } = found
  if (x.length > size || y.length > size) throw malformed('a coordinate longer than its curve')
  const spki = Buffer.alloc(head.length + 1 + 2 * size)
  spki.set(head)
  spki[head.length] = 4
  spki.set(x, head.length + 1 + size - x.length)
  spki.set(y, spki.length - y.length)
  return spki
}

/** rsaEncryption and NULL. */
const RSA = Buffer.from('300d06092a864886f70d0101010500', 'hex')

/** Numbers big endian, without sign. */
export function rsaSpki(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  const numbers = element(0x30, integer(modulus), integer(exponent))
  return element(0x30, RSA, element(0x03, Uint8Array.of(0), numbers))
}

function integer(number: Uint8Array): Buffer {
  let at = 0
  while (at < number.length - 1 && number[at] === 0) at++
  const digits = number.subarray(at)
  const isHigh = (digits[0] ?? 0) >= 0x80
  return isHigh ? element(0x02, Uint8Array.of(0), digits) : element(0x02, digits)
}

function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const size = contents.reduce((sum, { length }) => sum + length, 0)
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...length), ...contents])
}
