// Every refusal and fault as problem+json (RFC 9457): what, where, what to do; never a stack, never the words of a plugin's fault.
import { AppError, ERRORS, type ErrorCode, isAppError } from '../base/errors.ts'
import { isObject } from '../base/json.ts'
import { redactText } from '../base/log.ts'
import { STATUS_CODES } from '../base/node-http.ts'
import type { StampedViolation } from '../engine/verdict.ts'
import { type FieldError, pointerStep } from './request/schema.ts'

export interface Problem {
  readonly status: number
  readonly code: ErrorCode
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

/** Where the API says something else than the MCP endpoint. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  STORE_UNAVAILABLE: 503,
  STORE_COMPACTED: 503,
  NUMBER_UNSAFE: 400,
  DISPATCH_ABORTED: 400,
}

/** The veto of a policy on its way out of a handler: a refusal that has to look like one. */
export class Vetoed extends Error {
  readonly violation: StampedViolation

  constructor(violation: StampedViolation) {
    super('vetoed')
    this.violation = violation
  }
}

/** What anybody threw. `INTERNAL` for what is no error of ours. */
export function problemOf(thrown: unknown, requestId: string): Problem {
  if (thrown instanceof Vetoed) return violationProblem(thrown.violation, requestId)
  const error = isAppError(thrown) ? thrown : new AppError('INTERNAL', 'the gateway failed')
  const { code, data = {} } = error
  const status = STATUS[code] ?? error.http
  const { what, next } = ERRORS[code]
  const errors = fieldErrors(data.problems)
  return {
    status,
    code,
    headers: headersOf(error, status),
    body: {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      code,
      // of a fault the caller learns the kind; the log and the audit have the rest
      detail: status < 500 ? redactText(error.message) : what,
      next,
      requestId,
      ...(errors.length > 0 ? { errors } : {}),
    },
  }
}

/** A policy said no: its code and reason, and nothing else of it (docs/pipeline.md section 6). */
function violationProblem(violation: StampedViolation, requestId: string): Problem {
  const { code, reason } = violation
  return {
    status: 403,
    code: 'POLICY_DENIED',
    headers: {},
    body: {
      type: 'about:blank',
      title: 'Forbidden',
      status: 403,
      code: 'POLICY_DENIED',
      detail: reason,
      next: 'ask the operator of the gateway',
      requestId,
      violation: { code, reason },
    },
  }
}

function headersOf({ data = {} }: AppError, status: number): Record<string, string> {
  const headers: Record<string, string> = {}
  if (isObject(data.headers))
    for (const [name, value] of Object.entries(data.headers)) headers[name] = String(value)
  if (typeof data.allow === 'string') headers.allow = data.allow
  const { retryAfter } = data
  if (typeof retryAfter === 'number' && retryAfter > 0)
    headers['retry-after'] = String(Math.ceil(retryAfter))
  else if (status === 429 || status === 503) headers['retry-after'] = '1'
  const { error, scopes, scope } = data
  const wanted = Array.isArray(scopes) && scopes.length > 0 ? scopes.join(' ') : scope
  if (status === 401) headers['www-authenticate'] = challenge(error, wanted)
  else if (status === 403 && wanted !== undefined)
    headers['www-authenticate'] = challenge('insufficient_scope', wanted)
  return headers
}

// RFC 6750 section 3; only words that a quoted string can hold as they are
function challenge(error: unknown, scope: unknown): string {
  const plain = (text: unknown): text is string =>
    typeof text === 'string' && /^[\x21\x23-\x5b\x5d-\x7e ]+$/.test(text)
  const parts = ['Bearer realm="portcullis"']
  if (plain(error)) parts.push(`error="${error}"`)
  if (plain(scope)) parts.push(`scope="${scope}"`)
  return parts.join(', ')
}

/** What `data.problems` lists: of ours, of the registry (`path` in the entity), or plain texts. */
function fieldErrors(problems: unknown): readonly FieldError[] {
  if (!Array.isArray(problems)) return []
  return problems.slice(0, 50).map((problem: unknown): FieldError => {
    if (!isObject(problem)) return { detail: redactText(String(problem)) }
    const { pointer, path, parameter, detail, message } = problem
    const text = detail ?? message
    const shown = redactText(typeof text === 'string' ? text : 'is not valid')
    if (typeof parameter === 'string') return { parameter, detail: shown }
    const at = typeof pointer === 'string' ? pointer : pointerOf(path)
    return at === undefined ? { detail: shown } : { pointer: at, detail: shown }
  })
}

// as the configuration writes a path, `conditions[0].tools` or `env["A B"]`; the entity is the member `body` of what was sent
function pointerOf(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined
  const steps = [...path.matchAll(/"((?:[^"\\]|\\.)*)"|([^.[\]"]+)/g)].map(
    ([, quoted, plain]) => plain ?? (JSON.parse(`"${quoted}"`) as string),
  )
  return ['#/body', ...steps.map(pointerStep)].join('/')
}
