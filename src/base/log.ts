// The logger every room is handed, and the redaction no record leaves without; it does not know where records go.
import { isObject } from './json.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** Shaped like pino: fields first, then one lower-case message without a trailing stop. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(bindings: Record<string, unknown>): Logger
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
}

// members whose values are secrets wherever they stand, compared without case, dashes and underscores
const SECRET_MEMBERS = new Set(
  [
    'authorization', 'proxyauthorization', 'cookie', 'setcookie', 'password', 'passwd', 'secret', 'clientsecret',
    'token', 'accesstoken', 'refreshtoken', 'idtoken', 'apikey', 'xapikey', 'privatekey', 'credential', 'credentials',
    'mcpsessionid', 'sessionid', 'requeststate',
  ], // biome-ignore format: a table reads better in rows
)
// bodies of payloads: never logged, whoever passes them in
const BODY_MEMBERS = new Set([
  'arguments',
  'content',
  'contents',
  'messages',
  'structuredcontent',
  'payload',
  'body',
  'params',
  'result',
])
const CREDENTIAL_TEXT =
  /\b(bearer|basic)\s+[a-z0-9._~+/=-]{4,}|([?&](?:token|key|secret|password|api_key|access_token)=)[^&\s]+|(:\/\/[^/\s:@]+:)[^/\s@]+@/gi

export const REDACTED = '[redacted]'

export function isSecretMember(name: string): boolean {
  return SECRET_MEMBERS.has(name.toLowerCase().replace(/[-_]/g, ''))
}

/** A copy fit for a log: secrets and payload bodies replaced, depth and length bounded. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > 6) return '[deep]'
  if (value instanceof Error) {
    const { name, message, code, cause } = value as Error & { code?: unknown }
    return {
      name,
      message: redactText(message),
      ...(code ? { code } : {}),
      ...(cause ? { cause: redact(cause, depth + 1) } : {}),
    }
  }
  if (Array.isArray(value)) return value.slice(0, 100).map((inner) => redact(inner, depth + 1))
  if (!isObject(value)) return String(value)
  const copy: Record<string, unknown> = {}
  for (const [member, inner] of Object.entries(value)) {
    const plain = member.toLowerCase().replace(/[-_]/g, '')
    if (SECRET_MEMBERS.has(plain)) copy[member] = REDACTED
    else if (BODY_MEMBERS.has(plain)) copy[member] = '[body]'
    else copy[member] = redact(inner, depth + 1)
  }
  return copy
}

/** Text with credentials in it made harmless, cut at 2,000 characters. */
export function redactText(text: string): string {
  const cut = text.length > 2000 ? `${text.slice(0, 2000)}…` : text
  return cut.replace(CREDENTIAL_TEXT, (_all, scheme, query, userinfo) =>
    scheme ? `${scheme} ${REDACTED}` : query ? `${query}${REDACTED}` : `${userinfo}${REDACTED}@`,
  )
}
