// Fuzz target: bytes as what a TPM signs, as its signature, as its key in two forms; the first byte says which. Nothing but a Denial is thrown.
import {
  faultOfAttestationKey,
  isOfScheme,
  isSignedByTpm,
  parseTpmPublic,
  strongKeyOf,
  tpmNameOf,
} from '../../../../src/attest/tpm/public.ts'
import { rsaSpki } from '../../../../src/attest/tpm/spki.ts'
import { parseAttest, parseSignature } from '../../../../src/attest/tpm/tpms.ts'
import {
  AK_ATTRIBUTES,
  areaOf,
  attestOf,
  type Bank,
  signatureOf,
  u16,
  u32,
} from '../../../attest/synthetic/tpm.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

const HASHES: readonly Bank[] = ['sha256', 'sha384', 'sha512', 'sha1']
const signed = parseSignature(signatureOf(attestOf()))
const own = parseTpmPublic(areaOf())
const rsa = parseTpmPublic(areaOfRsa(Buffer.alloc(256, 0xff), {}))

export const tpms: Target = {
  name: 'tpms',
  files: ['src/attest/tpm/tpms.ts', 'src/attest/tpm/public.ts', 'src/attest/tpm/spki.ts'],
  tokens: ['\xff\x54\x43\x47\x80\x18', '\0\x0b', '\0\x04', '\0\x14', '\0\x16', '\0\x18', '\0\x10', '\0\x23', '\0\0\0\x01', '\x03\xff\xff\xff'],
  runs: 3000,
  branches: 90,
  generate,
  run(input) {
    const bytes = input.subarray(1)
    const kind = (input[0] ?? 0) % 4
    const read = tried(() => READERS[kind]?.(bytes) ?? '')
    if (read.reason !== undefined) return { accepted: false, trait: `${kind} ${read.reason}` }
    return { accepted: true, trait: `${kind} ${read.value}` }
  },
} // biome-ignore format: tokens are a row

const READERS: readonly ((bytes: Buffer) => string)[] = [
  ofAttest,
  ofSignature,
  ofKey,
  (bytes) => String(strongKeyOf(bytes, 'key').asymmetricKeyType),
]

function ofAttest(bytes: Buffer): string {
  const { selection, extraData, qualifiedSigner, pcrDigest } = parseAttest(bytes)
  const parts = [extraData, qualifiedSigner, pcrDigest]
  holds(parts.reduce((sum, { length }) => sum + length, 0) < bytes.length, 'parts are of the whole')
  for (const { registers } of selection) {
    holds(registers.length > 0 && registers.every((one) => one >= 0 && one < 32), 'registers exist')
    holds(
      registers.every((one, i) => i === 0 || one > (registers[i - 1] ?? 0)),
      'they ascend',
    )
  }
  holds(!isSignedByTpm(signed, own.key, bytes) || bytes.equals(attestOf()), 'nobody else signs')
  return `${selection.length} banks`
}

function ofSignature(bytes: Buffer): string {
  const signature = parseSignature(bytes)
  holds(!isSignedByTpm(signature, rsa.key, attestOf()), 'nobody signs with a key of ones')
  const isOurs = isSignedByTpm(signature, own.key, attestOf())
  holds(!isOurs || signature.scheme === 'ecdsa', 'a key of a curve signs by ECDSA')
  return `${signature.scheme} ${signature.hash} ${isOurs} ${isOfScheme(own, signature)}`
}

function ofKey(bytes: Buffer): string {
  const key = parseTpmPublic(bytes)
  holds(tpmNameOf(key).length > 32, 'a name has a digest')
  holds(strongKeyOf(key.spki, 'key').equals(key.key), 'a key is one key however it is read')
  isSignedByTpm(signed, key.key, attestOf())
  return `${key.key.asymmetricKeyType} ${faultOfAttestationKey(key)} ${key.scheme?.algorithm}`
}

function generate(random: Random): Buffer {
  const kind = random(4)
  const hash = pick(random, HASHES)
  const make = [makeAttest, makeSignature, makeKey, makeSpki][kind] as (
    random: Random,
    hash: Bank,
  ) => Buffer
  return Buffer.concat([Buffer.of(kind), make(random, hash)])
}

function makeAttest(random: Random, hash: Bank): Buffer {
  const seldom = <T>(value: T): T | undefined => (random(12) === 0 ? value : undefined)
  const values = { [pick(random, HASHES)]: { [random(24)]: '' }, sha256: { 0: '', 9: '' } }
  const options = {
    magic: seldom(1), type: seldom(0x8017), safe: seldom(2), tail: seldom(Buffer.alloc(pick(random, [1, 2048]))), extraData: Buffer.alloc(random(70)), values, hash,
  } // biome-ignore format: a row
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return attestOf(Object.fromEntries(given))
}

function makeSignature(random: Random, hash: Bank): Buffer {
  if (random(2) === 0) return signatureOf(attestOf(), { hash })
  const scheme = pick(random, [0x0014, 0x0016, 0x0005])
  const bytes = Buffer.alloc(random(8) === 0 ? 1100 : random(300), 7)
  return Buffer.concat([u16(scheme), u16(0x000b), u16(bytes.length), bytes])
}

/** Of RSA or of a curve, with a value that is not taken here and there. */
function makeKey(random: Random): Buffer {
  const attributes = AK_ATTRIBUTES ^ (random(2) === 0 ? 0 : 1 << random(19))
  if (random(3) === 0)
    return areaOf({ attributes, keyScheme: pick(random, [0x10, 0x18, 0x18, 0x1a, 0x15]) })
  const modulus = Buffer.alloc(pick(random, [256, 256, 384, 128, 2100]), 0xff)
  return areaOfRsa(modulus, {
    attributes,
    bits: random(8) === 0 ? 1024 : modulus.length * 8,
    cipher: pick(random, ['0010', '000600800043', '001300800043']),
    scheme: pick(random, ['0010', '0014000b', '0016000c', '00140004', '0015']),
    exponent: pick(random, [0, 65537, 3]),
  })
}

/** Good ones, short ones and ones of a kind that no TPM signs quotes with. */
function makeSpki(random: Random): Buffer {
  const exponent = Buffer.of(1, 0, pick(random, [1, 1, 0x81]))
  const modulus = Buffer.alloc(pick(random, [256, 128, 1100]), 0xff)
  const edwards = Buffer.from(`302a300506032b6570032100${'11'.repeat(32)}`, 'hex')
  const small = Buffer.from(rsaSpki(modulus, Buffer.of(3)))
  return pick(random, [
    Buffer.from(rsaSpki(modulus, exponent)),
    Buffer.from(own.spki),
    edwards,
    small,
  ])
}

interface Rsa {
  readonly attributes?: number
  readonly bits?: number
  readonly cipher?: string
  readonly scheme?: string
  readonly exponent?: number
}

function areaOfRsa(modulus: Buffer, of: Rsa): Buffer {
  const { attributes = AK_ATTRIBUTES, bits = 2048, cipher = '0010', scheme = '0010' } = of
  const head = [u16(0x0001), u16(0x000b), u32(attributes), u16(0)]
  const parameters = [Buffer.from(cipher + scheme, 'hex'), u16(bits), u32(of.exponent ?? 0)]
  return Buffer.concat([...head, ...parameters, u16(modulus.length), modulus])
}
