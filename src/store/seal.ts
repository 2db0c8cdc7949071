// Secrets at rest: sealed with AES-256-GCM for one member of one entity, so that a stolen database gives none away; where keys come from it does not know.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { AppError } from '../base/errors.ts'
import type { KeyRing, SealKey } from './keys.ts'

/** Where a sealed text belongs: moved anywhere else it does not open. */
export interface SealPlace {
  readonly kind: string
  readonly id: string
  /** The path of the member in the body. */
  readonly member: string
}

export interface Sealer {
  /** Under the first key. Throws STORE_SEALED when there is no key to be had. */
  seal(text: string, place: SealPlace): string
  /** Under whichever key it names. Throws STORE_SEALED for all that `seal` did not make for this very place. */
  open(sealed: string, place: SealPlace): string
  /** Sealed anew under the first key; undefined: it is already. After all are, the old key can go. */
  reseal(sealed: string, place: SealPlace): string | undefined
}

/** Of the format; the key's id and the sealed bytes follow. */
const PREFIX = 'sealed.1.'
const CIPHER = 'aes-256-gcm'
/** NIST SP 800-38D: 96 random bits; good for 2^32 texts under one key. */
const NONCE = 12
const TAG = 16

export function createSealer(keys: () => KeyRing): Sealer {
  const seal = (text: string, place: SealPlace): string => sealWith(keys().first, text, place)
  const open = (sealed: string, place: SealPlace): string => {
    const { key, bytes } = parse(sealed, keys(), place)
    return openWith(key, bytes, place)
  }
  return {
    seal,
    open,
    reseal(sealed, place) {
      const { key } = parse(sealed, keys(), place)
      const text = open(sealed, place)
      return key === keys().first ? undefined : seal(text, place)
    },
  }
}

function sealWith({ id, secret }: SealKey, text: string, place: SealPlace): string {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv(CIPHER, secret, nonce, { authTagLength: TAG })
  cipher.setAAD(associated(id, place))
  // as JSON: half a character has no UTF-8, and would come back as another
  const sealed = [
    nonce,
    cipher.update(JSON.stringify(text), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]
  return `${PREFIX}${id}.${Buffer.concat(sealed).toString('base64url')}`
}

function openWith({ id, secret }: SealKey, bytes: Buffer, place: SealPlace): string {
  const decipher = createDecipheriv(CIPHER, secret, bytes.subarray(0, NONCE), {
    authTagLength: TAG,
  })
  decipher.setAAD(associated(id, place))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG))
  const inner = bytes.subarray(NONCE, bytes.length - TAG)
  try {
    const text = Buffer.concat([decipher.update(inner), decipher.final()]).toString('utf8')
    return JSON.parse(text) as string
  } catch {
    throw unopened(place, 'it was changed, or belongs to another place')
  }
}

function parse(
  sealed: string,
  keys: KeyRing,
  place: SealPlace,
): { readonly key: SealKey; readonly bytes: Buffer } {
  const [id, body, ...more] = sealed.startsWith(PREFIX)
    ? sealed.slice(PREFIX.length).split('.')
    : []
  if (id === undefined || body === undefined || more.length > 0)
    throw unopened(place, 'it is not a sealed text')
  const key = keys.byId(id)
  if (key === undefined) throw unopened(place, 'no key that is given has the id it was sealed with')
  const bytes = Buffer.from(body, 'base64url')
  // one spelling only: what was changed anywhere does not open
  if (bytes.length < NONCE + TAG || bytes.toString('base64url') !== body)
    throw unopened(place, 'it was cut off or changed')
  return { key, bytes }
}

// as JSON, so that no two places have the same bytes
function associated(key: string, { kind, id, member }: SealPlace): Buffer {
  return Buffer.from(JSON.stringify([PREFIX, key, kind, id, member]))
}

function unopened({ kind, id, member }: SealPlace, reason: string): AppError {
  return new AppError(
    'STORE_SEALED',
    `${kind} ${id}: the secret ${member} cannot be opened: ${reason}`,
    {
      data: { kind, id, member },
    },
  )
}
