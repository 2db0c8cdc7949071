// What of some work is bare cryptography: the signature checks that it makes, recorded while it runs, to be made again with nothing around them.
import crypto, { type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

type Verify = typeof crypto.verify
type CreateKey = typeof crypto.createPublicKey

interface Check {
  /** Of `keys`; undefined: the work had the key from before, and need not make it. */
  readonly made: number | undefined
  readonly key: KeyObject
  readonly hash: Parameters<Verify>[0]
  readonly data: Buffer
  readonly signature: Buffer
  /** Padding, length of the salt, form of the signature: what is given beside the key. */
  readonly how: object | undefined
}

export interface BareChecks {
  /** Signatures that are checked, and keys that are made from DER for it. */
  readonly checks: number
  readonly keys: number
  /** Makes them all, once; true: each one holds. */
  run(): boolean
}

/** Every check that `work` makes by node:crypto, over copies of the same bytes. A key that nothing is checked with is none. */
export function recordChecks(work: () => void): BareChecks {
  const made = new Map<KeyObject, number>()
  const keys: Buffer[] = []
  const checks: Check[] = []
  const { verify, createPublicKey } = crypto
  crypto.createPublicKey = ((input: Parameters<CreateKey>[0]) => {
    const key = createPublicKey(input)
    made.set(key, keys.push(key.export({ format: 'der', type: 'spki' })) - 1)
    return key
  }) as CreateKey
  crypto.verify = ((...[hash, data, given, signature]: Parameters<Verify>) => {
    const { key, how } = partsOf(given)
    const bytes = Buffer.from(data as Uint8Array)
    checks.push({ made: made.get(key), key, hash, data: bytes, signature: Buffer.from(signature as Uint8Array), how }) // biome-ignore format: a row
    return verify(hash, data, given, signature)
  }) as Verify
  try {
    syncBuiltinESMExports()
    work()
  } finally {
    Object.assign(crypto, { verify, createPublicKey })
    syncBuiltinESMExports()
  }
  const used = new Set(checks.map(({ made: at }) => at).filter((at) => at !== undefined))
  return { checks: checks.length, keys: used.size, run: () => isAllSigned(checks, keys) }
}

function partsOf(given: Parameters<Verify>[2]): { key: KeyObject; how: object | undefined } {
  if (given instanceof crypto.KeyObject) return { key: given, how: undefined }
  const { key, ...how } = given as { key: KeyObject }
  return { key, how }
}

function isAllSigned(checks: readonly Check[], keys: readonly Buffer[]): boolean {
  const own: (KeyObject | undefined)[] = []
  let isSigned = true
  for (const { made, key: kept, hash, data, signature, how } of checks) {
    let key = kept
    if (made !== undefined) {
      key = own[made] ?? crypto.createPublicKey({ key: keys[made] as Buffer, format: 'der', type: 'spki' }) // biome-ignore format: a row
      own[made] = key
    }
    if (!crypto.verify(hash, data, how ? { ...how, key } : key, signature)) isSigned = false
  }
  return isSigned
}
