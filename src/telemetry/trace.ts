// W3C Trace Context, level 1: parsed strictly, continued with a new span, begun where there is none. It exports nothing.

/** Fills an array with random bytes; `crypto.getRandomValues` in production. */
export type FillRandom = (bytes: Uint8Array) => void

export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero: the span this is about. */
  readonly spanId: string
  readonly sampled: boolean
  /** The caller's span, if the trace was continued. */
  readonly parentId: string | undefined
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const MAX_LENGTH = 512

/** The context that a `traceparent` names, or undefined for anything the specification does not allow (section 3.2). */
export function parseTraceparent(text: unknown): Omit<TraceContext, 'parentId'> | undefined {
  if (typeof text !== 'string' || text.length > MAX_LENGTH) return undefined
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(text) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined)
    return undefined
  if (version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  // version 00 ends after the flags; what a later version appends is not ours to read
  if (version === '00' && rest !== undefined) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`
}

/** A new span: in the caller's trace if `incoming` is valid, in a new one otherwise. */
export function continueTrace(
  incoming: unknown,
  random: FillRandom,
  sampled = false,
): TraceContext {
  const parent = parseTraceparent(incoming)
  if (!parent) return startTrace(random, sampled)
  return {
    traceId: parent.traceId,
    spanId: id(8, random),
    sampled: parent.sampled,
    parentId: parent.spanId,
  }
}

export function startTrace(random: FillRandom, sampled = false): TraceContext {
  return { traceId: id(16, random), spanId: id(8, random), sampled, parentId: undefined }
}

/** The span of a call made on behalf of this one. */
export function childOf(context: TraceContext, random: FillRandom): TraceContext {
  return { ...context, spanId: id(8, random), parentId: context.spanId }
}

/** A `tracestate` fit to pass on: bounded and printable (section 3.3); undefined otherwise, and without a valid traceparent. */
export function parseTracestate(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > MAX_LENGTH || !/^[\x20-\x7e]+$/.test(text))
    return undefined
  const members = text.split(',').map((member) => member.trim())
  const valid = members.filter((member) => member !== '').every((member) => MEMBER.test(member))
  return valid && members.length <= 32 ? text : undefined
}

const MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

// the specification forbids all zeros; a source that gives nothing else is broken, so the last bit is set
function id(length: number, random: FillRandom): string {
  const bytes = new Uint8Array(length)
  random(bytes)
  if (bytes.every((byte) => byte === 0)) bytes[length - 1] = 1
  return Buffer.from(bytes).toString('hex')
}
