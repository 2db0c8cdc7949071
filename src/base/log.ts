// The logger every room is handed, and the redaction no record leaves without; it does not know where records go.

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
    'mcpsessionid', 'sessionid', 'requeststate', 'authtoken', 'xauthtoken', 'bearertoken', 'sessiontoken', 'xamzsecuritytoken',
    'accesskey', 'secretkey', 'secretaccesskey', 'signingkey', 'encryptionkey', 'clientassertion', 'passphrase',
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
// in this order: a scheme and its credentials, a query parameter, user information of a URL, a JSON Web Token. The ellipsis is
// where redactText cut: a password that is cut off is still one.
const CREDENTIAL_TEXT =
  /\b(bearer|basic)\s+[a-z0-9._~+/=-]{4,}|([?&](?:token|key|secret|password|api_key|access_token)=)[^&\s]+|(:\/\/(?:[^/\s:@]+:)?)[^/\s@]+(?:@|…$(?<=:[^/\s@]*))|\beyj[a-z0-9_-]{8,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?/gi

// each alternative of it needs one of these: most texts (ids, names, methods) have none, and the big expression is skipped
const CREDENTIAL_SIGN = /[\s=@….]/

export const REDACTED = '[redacted]'

export function isSecretMember(name: string): boolean {
  return SECRET_MEMBERS.has(name.toLowerCase().replace(/[-_]/g, ''))
}

const MOST_DEPTH = 6
const MOST_MEMBERS = 100
/** Values in one copy: a graph of sockets or one that holds itself a hundred times over ends here. */
const MOST_VALUES = 2000
const MOST_TEXT = 2000

/** A copy fit for a log: secrets and payload bodies replaced; depth, breadth, length and the whole bounded. */
export function redact(value: unknown): unknown {
  return copy(value, 0, { left: MOST_VALUES })
}

function copy(value: unknown, depth: number, budget: { left: number }): unknown {
  if (typeof value === 'string') return redactText(value)
  // JSON has no such number, and a logger that throws is worse than one that quotes
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MOST_DEPTH || --budget.left < 0) return '[deep]'
  if (value instanceof Error) return copyError(value, depth, budget)
  if (Array.isArray(value))
    return value.slice(0, MOST_MEMBERS).map((inner) => copy(inner, depth + 1, budget))
  // bytes are a body whatever the member is called
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return '[bytes]'
  if (value instanceof Date || value instanceof URL) return redactText(String(value.toJSON()))
  return copyMembers(value, depth, budget)
}

function copyError(error: Error, depth: number, budget: { left: number }): unknown {
  const { name, message, code, cause } = error as Error & { code?: unknown }
  return {
    name,
    message: redactText(message),
    ...(code ? { code: copy(code, depth + 1, budget) } : {}),
    ...(cause ? { cause: copy(cause, depth + 1, budget) } : {}),
  }
}

function copyMembers(value: object, depth: number, budget: { left: number }): unknown {
  // no prototype: a member called __proto__ is one more member
  const copied: Record<string, unknown> = Object.create(null)
  for (const [member, inner] of Object.entries(value).slice(0, MOST_MEMBERS)) {
    if (inner === undefined) continue
    const plain = member.toLowerCase().replace(/[-_]/g, '')
    if (SECRET_MEMBERS.has(plain)) copied[member] = REDACTED
    else if (BODY_MEMBERS.has(plain)) copied[member] = '[body]'
    else copied[member] = copy(inner, depth + 1, budget)
  }
  return copied
}

/** Text with credentials in it made harmless, cut at 2,000 characters. */
export function redactText(text: string): string {
  const cut = text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text
  if (!CREDENTIAL_SIGN.test(cut)) return cut
  return cut.replace(CREDENTIAL_TEXT, (_all, scheme, query, userinfo) => {
    if (scheme) return `${scheme} ${REDACTED}`
    if (query) return `${query}${REDACTED}`
    return userinfo ? `${userinfo}${REDACTED}@` : REDACTED
  })
}
