// The field Authorization: one bearer token (RFC 6750 section 2.1), an API key or an access token; whether it is good is not known here.
import { KEY_PREFIX, keyIdOf } from './api-key.ts'
import { LONGEST_TOKEN } from './oauth/token.ts'
import { invalid } from './refusal.ts'

export type Bearer =
  /** `id` is undefined where the key is mistyped. */
  | { readonly kind: 'key'; readonly key: string; readonly id: string | undefined }
  | { readonly kind: 'token'; readonly token: string }

const FORM = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i
const LONGEST = LONGEST_TOKEN + 'bearer  '.length

/** Throws AUTH_INVALID. */
export function parseBearer(authorization: string): Bearer {
  if (authorization.length > LONGEST) throw invalid('the credentials are too long')
  const token = FORM.exec(authorization)?.[1]
  if (token === undefined)
    throw invalid('Authorization is not of the form "Bearer" and one token', 'invalid_request')
  if (!token.startsWith(KEY_PREFIX)) return { kind: 'token', token }
  return { kind: 'key', key: token, id: keyIdOf(token) }
}
