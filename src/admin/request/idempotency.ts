// Idempotency keys (draft-ietf-httpapi-idempotency-key-header): bound to who sent them and to what they were sent with; nothing is kept here.
import { createHash } from 'node:crypto'
import { AppError } from '../../base/errors.ts'
import { canonicalText } from '../../base/json.ts'
import type { Principal } from '../../engine/context.ts'

export interface KeyedRequest {
  readonly principal: Principal
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly body: unknown
}

// a quoted structured-field string, or the bare text that most clients send
const KEY = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/

/** Throws API_PARAMETER. */
export function readIdempotencyKey(
  text: string | undefined,
  request: KeyedRequest,
): { readonly key: string; readonly digest: string } | undefined {
  if (text === undefined) return undefined
  const found = KEY.exec(text)
  const key = found?.[1] ?? found?.[2]
  if (key === undefined)
    throw new AppError('API_PARAMETER', 'Idempotency-Key is not 1 to 255 printable characters')
  const { principal, method, path, body } = request
  return {
    key: digestOf([principal.tenant ?? null, principal.id, key]),
    digest: digestOf([method, path, body ?? null]),
  }
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalText(value)).digest('base64url')
}
