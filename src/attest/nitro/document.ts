// The attestation document of AWS Nitro Enclaves (aws-nitro-enclaves-nsm-api, attestation_process.md) as values, with no judgement.
import { malformed } from '../denial.ts'
import { type CborMap, type CborValue, readCbor } from '../format/cbor.ts'

export interface NitroDocument {
  readonly moduleId: string
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** By index, from 0 to 31. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>
  /** DER. */
  readonly certificate: Uint8Array
  /** DER, the root first, the issuer of the certificate last. */
  readonly cabundle: readonly Uint8Array[]
  readonly publicKey: Uint8Array | undefined
  readonly userData: Uint8Array | undefined
  readonly nonce: Uint8Array | undefined
}

const WHAT = 'Nitro document'
/** Bytes of a value, by the specification. */
const MOST = { certificate: 1024, publicKey: 1024, userData: 512, nonce: 512 } as const
const MOST_AUTHORITIES = 7
const PCR_BYTES = [32, 48, 64]
const LONGEST_MODULE_ID = 256

/** Of the payload of a COSE_Sign1. Members that are not known are not looked at. Throws `evidence.malformed`, `evidence.too_large`. */
export function readNitroDocument(payload: Uint8Array): NitroDocument {
  const map = readCbor(payload, WHAT)
  if (!(map instanceof Map)) throw malformed(`${WHAT}: no map`)
  if (map.get('digest') !== 'SHA384') throw malformed(`${WHAT}: digest`)
  return {
    moduleId: moduleIdIn(map),
    timestamp: timestampIn(map),
    pcrs: pcrsIn(map.get('pcrs')),
    certificate: bytesOf(map.get('certificate'), 'certificate', MOST.certificate),
    cabundle: cabundleIn(map.get('cabundle')),
    publicKey: optionalIn(map, 'public_key', MOST.publicKey),
    userData: optionalIn(map, 'user_data', MOST.userData),
    nonce: optionalIn(map, 'nonce', MOST.nonce),
  }
}

function moduleIdIn(map: CborMap): string {
  const id = map.get('module_id')
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_MODULE_ID)
    throw malformed(`${WHAT}: module_id`)
  return id
}

function timestampIn(map: CborMap): number {
  const time = map.get('timestamp')
  if (typeof time !== 'number' || time <= 0) throw malformed(`${WHAT}: timestamp`)
  return time
}

function pcrsIn(value: CborValue): ReadonlyMap<number, Uint8Array> {
  if (!(value instanceof Map) || value.size === 0) throw malformed(`${WHAT}: pcrs`)
  const pcrs = new Map<number, Uint8Array>()
  for (const [index, pcr] of value as CborMap) {
    const isIndex = typeof index === 'number' && index >= 0 && index < 32
    if (!isIndex || !(pcr instanceof Uint8Array) || !PCR_BYTES.includes(pcr.length))
      throw malformed(`${WHAT}: pcrs`)
    pcrs.set(index, pcr)
  }
  return pcrs
}

function cabundleIn(value: CborValue): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_AUTHORITIES)
    throw malformed(`${WHAT}: cabundle`)
  return (value as readonly CborValue[]).map((one) => bytesOf(one, 'cabundle', MOST.certificate))
}

/** Absent and null are the same: the enclave gave nothing. */
function optionalIn(map: CborMap, name: string, most: number): Uint8Array | undefined {
  const value = map.get(name) ?? undefined
  if (value === undefined) return undefined
  if (!(value instanceof Uint8Array) || value.length > most) throw malformed(`${WHAT}: ${name}`)
  return value
}

function bytesOf(value: CborValue, name: string, most: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length === 0 || value.length > most)
    throw malformed(`${WHAT}: ${name}`)
  return value
}
