// The requestState of the modern era: what has to be known again when a client comes back with its answers, sealed so that only we can make it.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { AppError } from '../../base/errors.ts'
import { canonicalText, isObject, type JsonObject } from '../../base/json.ts'
import { readOwn } from '../../wire/message.ts'

/** What is known of a request that waits for input (2026-07-28 basic/patterns/mrtr). */
export interface InputState {
  /** SHA-256 of method and params, without what differs between rounds. */
  readonly request: string
  readonly principal: string
  readonly server: string
  /** The rounds so far. */
  readonly round: number
  /** The method of each open question by its key. */
  readonly asked: Readonly<Record<string, string>>
  /** Answers that the client need not give: a policy did, or it gave them before. */
  readonly known?: JsonObject
  /** The server's own state. */
  readonly upstream?: string
  /** A call that is held open at a server of the legacy era. */
  readonly held?: string
  /** SHA-256 of the payload a person was asked about. */
  readonly confirming?: string
  /** The same, and the person said yes. */
  readonly confirmed?: string
}

interface Sealed extends InputState {
  /** Wall-clock milliseconds after which it is worth nothing. */
  readonly expires: number
}

export interface InputStates {
  seal(state: InputState, ttl: number): string
  /** Throws WIRE_BAD_STATE: not ours, changed, expired, of another principal or another request. */
  open(sealed: unknown, of: Pick<InputState, 'request' | 'principal'>): InputState
}

const IV = 12
const TAG = 16
/** As a requestState of a server travels inside it, longer than most. */
const MAX_LENGTH = 1024 * 1024

/** AES-256-GCM under one key of 32 bytes. */
export function createInputStates(key: Uint8Array, now: () => number): InputStates {
  return {
    seal(state, ttl) {
      const iv = randomBytes(IV)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      const sealed: Sealed = { ...state, expires: now() + ttl }
      const body = Buffer.concat([cipher.update(JSON.stringify(sealed), 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(sealed, { request, principal }) {
      const state = unsealed(key, sealed)
      if (state === undefined) throw bad('the requestState is not one of ours')
      if (now() > state.expires) throw bad('the requestState has expired')
      if (state.principal !== principal || state.request !== request)
        throw bad('the requestState belongs to another request')
      return state
    },
  }
}

function unsealed(key: Uint8Array, sealed: unknown): Sealed | undefined {
  if (typeof sealed !== 'string' || sealed.length > MAX_LENGTH) return undefined
  const bytes = Buffer.from(sealed, 'base64url')
  // Base64 has several texts for the same bytes; ours is one of them
  if (bytes.length <= IV + TAG || bytes.toString('base64url') !== sealed) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV))
  decipher.setAuthTag(bytes.subarray(IV, IV + TAG))
  try {
    const body = Buffer.concat([decipher.update(bytes.subarray(IV + TAG)), decipher.final()])
    return readOwn(body.toString('utf8')) as Sealed
  } catch {
    return undefined
  }
}

function bad(what: string): AppError {
  return new AppError(
    'WIRE_BAD_STATE',
    `${what}; send the request again without requestState and inputResponses`,
  )
}

/** What a client has to send again unchanged: everything but the answers, the state and `_meta`. */
export function requestDigest(
  method: string,
  params: JsonObject | undefined,
  virtualServer?: string,
): string {
  const { _meta, inputResponses, requestState, ...same } = isObject(params) ? params : {}
  // what was asked and answered under the policies of one place says nothing at another
  return digestOf([method, same, virtualServer ?? null])
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalText(value)).digest('base64url')
}
