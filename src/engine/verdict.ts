// What a plugin may answer. Verdicts carry a brand that cannot be forged, so a foreign object is a fault and never a pass.
import { plainJson } from './payload/copy.ts'

/** The data of a refusal (docs/pipeline.md section 1). `reason` and `code` reach the caller; the rest goes to the audit only. */
export interface Violation {
  /** Stable, for machines: `^[A-Z][A-Z0-9_]*$`. */
  readonly code: string
  /** One line for the caller; no secrets. */
  readonly reason: string
  readonly description?: string
  readonly details?: Readonly<Record<string, unknown>>
  /** 400 to 599; counts at http, session and auth points. */
  readonly httpStatus?: number
  readonly httpHeaders?: Readonly<Record<string, string>>
}

/** A violation with the place it came from. */
export interface StampedViolation extends Violation {
  readonly plugin: string
  readonly entry: string
  readonly point: string
}

/** A question for the human behind the client (docs/pipeline.md section 4). */
export interface Question {
  readonly message: string
  readonly schema?: Readonly<Record<string, unknown>>
}

export type VerdictKind = 'patch' | 'deny' | 'respond' | 'ask'

// known to this file only: the class can be reached through any verdict, the checks of the functions below cannot be passed by
const MAKER = Symbol('maker')

export class Verdict<out K extends VerdictKind = VerdictKind, out V = unknown> {
  #brand = true
  readonly kind: K
  readonly value: V

  constructor(kind: K, value: V, maker: symbol) {
    if (maker !== MAKER) throw new TypeError('verdicts are made by patch, deny, respond and ask')
    this.kind = kind
    this.value = value
    Object.freeze(this)
  }

  static {
    // a plugin reaches the class through any verdict of its own; nobody may redefine what counts as one
    Object.freeze(Verdict)
    Object.freeze(Verdict.prototype)
  }

  static is(value: object): value is Verdict {
    return #brand in value && value.#brand
  }
}

declare const patched: unique symbol

/** A patch as the types see it: apart from the other verdicts, so that its fields are checked against the point alone. */
export interface PatchVerdict<out F> {
  readonly kind: 'patch'
  readonly [patched]?: F
}

/**
 * Changes writable fields of the payload; each later plugin sees the result. What may be named follows from the point of the
 * handler that returns it.
 */
export function patch<F extends object = object>(fields: NoInfer<F>): PatchVerdict<F> {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new TypeError('patch() takes an object of writable fields')
  }
  return new Verdict('patch', fields, MAKER) as unknown as PatchVerdict<F>
}

// the caller sees the reason, the audit the rest: long enough for people, too short to carry a payload out
const MAX_TEXT = 1000
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/

/** Refuses the operation. */
export function deny(violation: Violation): Verdict<'deny', Violation> {
  if (typeof violation !== 'object' || violation === null)
    throw new TypeError('deny() takes a violation')
  const { code, reason, description, details, httpStatus, httpHeaders } = violation
  if (typeof code !== 'string' || !CODE.test(code)) {
    throw new TypeError('the code of a violation is upper case letters, digits and underscores')
  }
  if (typeof reason !== 'string' || reason === '') throw new TypeError('a violation has a reason')
  if (
    httpStatus !== undefined &&
    !(Number.isInteger(httpStatus) && httpStatus >= 400 && httpStatus <= 599)
  ) {
    throw new TypeError('the httpStatus of a violation is between 400 and 599')
  }
  return new Verdict(
    'deny',
    Object.freeze({
      code,
      reason: reason.slice(0, MAX_TEXT),
      ...(description === undefined ? {} : { description: String(description).slice(0, MAX_TEXT) }),
      ...(details === undefined ? {} : { details: detailsOf(details) }),
      ...(httpStatus === undefined ? {} : { httpStatus }),
      ...(httpHeaders === undefined ? {} : { httpHeaders: headersOf(httpHeaders) }),
    }),
    MAKER,
  )
}

const DETAIL_LIMITS = { bytes: 16_384, depth: 16 }

// a denial stands whatever it comes with: what cannot be kept is left out, and never turns the denial into a fault
function detailsOf(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return plainJson(details, DETAIL_LIMITS, 'details', 'copied') as Readonly<
      Record<string, unknown>
    >
  } catch {
    return { unusable: true }
  }
}

function headersOf(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const headers = { ...given }
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name) || typeof value !== 'string' || !HEADER_VALUE.test(value))
      throw new TypeError('the httpHeaders of a violation are header names to header values')
  }
  return Object.freeze(headers)
}

/** Answers the operation without the upstream. */
export function respond<const A>(answer: A): Verdict<'respond', A> {
  return new Verdict('respond', answer, MAKER)
}

/** Asks the human behind the client before the operation goes on. */
export function ask(question: Question): Verdict<'ask', Question> {
  if (typeof question !== 'object' || question === null || typeof question.message !== 'string') {
    throw new TypeError('ask() takes { message }')
  }
  return new Verdict('ask', Object.freeze({ ...question }), MAKER)
}
