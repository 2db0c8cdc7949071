// A refusal of the admin API (problem+json, RFC 9457) as an error of the command line: what, where, what to do.
import { isObject } from '../../base/json.ts'

export interface Refusal {
  readonly status: number
  /** Of the table of error codes of the gateway that answered. */
  readonly code: string
  readonly detail: string
  readonly next: string
  readonly requestId?: string
  /** Each with the place in what was sent. */
  readonly errors: readonly { readonly at: string; readonly detail: string }[]
  /** A policy refused it. */
  readonly violation?: { readonly code: string; readonly reason: string }
}

/** The gateway answered, and the answer is no. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(textOf(refusal))
    this.refusal = refusal
  }

  /** The same with what more is known here. */
  with(more: Partial<Refusal>): ApiRefusal {
    return new ApiRefusal({ ...this.refusal, ...more })
  }
}

export function isRefusal(error: unknown, ...codes: readonly string[]): error is ApiRefusal {
  return error instanceof ApiRefusal && (codes.length === 0 || codes.includes(error.refusal.code))
}

function textOf({ detail, violation }: Refusal): string {
  return violation ? `refused by a policy: ${violation.reason} (${violation.code})` : detail
}

const MOST_ERRORS = 50

/** Undefined: not a problem of the admin API. */
export function readRefusal(status: number, body: unknown): Refusal | undefined {
  if (!isObject(body) || typeof body.code !== 'string') return undefined
  const { code, requestId, violation, errors } = body
  return {
    status,
    code,
    detail: text(body.detail, 'the gateway refused'),
    next: text(body.next, 'see the log of the gateway'),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    errors: Array.isArray(errors) ? errors.slice(0, MOST_ERRORS).flatMap(placed) : [],
    ...(isObject(violation)
      ? { violation: { code: text(violation.code, code), reason: text(violation.reason, '') } }
      : {}),
  }
}

function placed(error: unknown): { at: string; detail: string }[] {
  if (!isObject(error)) return []
  const { pointer, parameter, detail } = error
  const at = typeof pointer === 'string' ? pathOf(pointer) : text(parameter, '')
  return [{ at, detail: text(detail, 'is not valid') }]
}

// `#/body/headers/X-Key` is `headers.X-Key` to whoever wrote the entity
function pathOf(pointer: string): string {
  const steps = pointer.replace(/^#?\/?/, '').split('/')
  const inside = steps[0] === 'body' ? steps.slice(1) : steps
  return inside.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')).join('.')
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
