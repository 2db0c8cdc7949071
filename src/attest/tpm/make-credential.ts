// What TPM2_MakeCredential does (TCG TPM 2.0 Library part 1, section 24, and annexes B and C), without a TPM: a secret that only one TPM gives back, and only to one key.
import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto'
import { Denial } from '../denial.ts'
import type { TpmPublic } from './public.ts'
import { TPM_HASHES, type TpmHash } from './tpms.ts'

export interface Credential {
  /** TPM2B_ID_OBJECT. */
  readonly credential: Uint8Array
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly secret: Uint8Array
}

const CFB = 0x0043
const SIZES = new Map([...TPM_HASHES.values()].map(({ name, size }) => [name, size]))

/**
 * `name`: of the key that must be in the TPM of `ek`; `secret`: at most 32 bytes, which TPM2_ActivateCredential gives back;
 * `random`: bytes that nobody guesses. Throws `evidence.weak_algorithm` for a key that is no storage key with AES in CFB.
 */
export function makeCredential(
  ek: TpmPublic,
  name: Uint8Array,
  {
    secret,
    random,
  }: { readonly secret: Uint8Array; readonly random: (size: number) => Uint8Array },
): Credential {
  const { nameHash: hash, symmetric } = ek
  if (symmetric.mode !== CFB || (symmetric.bits !== 128 && symmetric.bits !== 256))
    throw new Denial('evidence.weak_algorithm', 'ek_public: no storage key with AES in CFB')
  const bits = (SIZES.get(hash) as number) * 8
  const isRsa = ek.key.asymmetricKeyType === 'rsa'
  const shared = isRsa ? sharedByRsa(ek, random(bits / 8)) : sharedByEcc(ek)
  const cipherKey = kdfA(hash, shared.seed, {
    label: 'STORAGE',
    context: name,
    bits: symmetric.bits,
  })
  // a key of its own for every secret, so that the zero vector is used once
  const cipher = createCipheriv(`aes-${symmetric.bits}-cfb`, cipherKey, Buffer.alloc(16))
  const identity = Buffer.concat([cipher.update(sized(secret)), cipher.final()])
  const macKey = kdfA(hash, shared.seed, { label: 'INTEGRITY', context: new Uint8Array(), bits })
  const mac = createHmac(hash, macKey).update(identity).update(name).digest()
  return {
    credential: sized(Buffer.concat([sized(mac), identity])),
    secret: sized(shared.encrypted),
  }
}

interface Shared {
  readonly seed: Uint8Array
  readonly encrypted: Uint8Array
}

/** Part 1, annex B.10.4: OAEP with the hash of the name, and the label with the zero that ends it. */
function sharedByRsa({ key, nameHash }: TpmPublic, seed: Uint8Array): Shared {
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const oaepLabel = Buffer.from('IDENTITY\0')
  return { seed, encrypted: publicEncrypt({ key, padding, oaepHash: nameHash, oaepLabel }, seed) }
}

const CURVES: Readonly<Record<string, { readonly name: string; readonly size: number }>> = {
  'P-256': { name: 'prime256v1', size: 32 },
  'P-384': { name: 'secp384r1', size: 48 },
  'P-521': { name: 'secp521r1', size: 66 },
}

/** Part 1, annex C.6.4: a key for once, and KDFe over what both sides make of it. */
function sharedByEcc({ key, nameHash: hash }: TpmPublic): Shared {
  const { crv, point } = pointOf(key)
  const { name, size } = CURVES[crv] as { readonly name: string; readonly size: number }
  const once = createECDH(name)
  const own = once.generateKeys()
  const z = once.computeSecret(point)
  const [x, y] = [own.subarray(1, 1 + size), own.subarray(1 + size)]
  const seed = createHash(hash)
    .update(Uint8Array.of(0, 0, 0, 1))
    .update(z)
    .update('IDENTITY\0')
    .update(x)
    .update(point.subarray(1, 1 + size))
    .digest()
  return { seed, encrypted: Buffer.concat([sized(x), sized(y)]) }
}

function pointOf(key: KeyObject): { readonly crv: string; readonly point: Buffer } {
  const { crv = '', x = '', y = '' } = key.export({ format: 'jwk' })
  const part = (text: string) => Buffer.from(text, 'base64url')
  return { crv, point: Buffer.concat([Buffer.of(4), part(x), part(y)]) }
}

/** Part 1, section 11.4.10.2: SP 800-108 in counter mode; one block is enough for every key here. */
function kdfA(
  hash: TpmHash,
  key: Uint8Array,
  {
    label,
    context,
    bits,
  }: {
    readonly label: string
    readonly context: Uint8Array
    readonly bits: number
  },
): Buffer {
  const [counter, length] = [Buffer.alloc(4), Buffer.alloc(4)]
  counter.writeUInt32BE(1)
  length.writeUInt32BE(bits)
  const mac = createHmac(hash, key).update(counter).update(`${label}\0`)
  return mac
    .update(context)
    .update(length)
    .digest()
    .subarray(0, bits / 8)
}

/** A TPM2B. */
function sized(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(bytes.length)
  return Buffer.concat([size, bytes])
}
