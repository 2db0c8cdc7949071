// What the other side gets when an operation does not end with the upstream's own answer (docs/pipeline.md section 6).
import type { AppError } from '../base/errors.ts'
import type { Era } from '../engine/context.ts'
import type { StampedViolation } from '../engine/verdict.ts'
import type { DenialForm } from '../points/declare.ts'
import { errorBytes, resultBytes, rpcErrorOf } from '../wire/reply.ts'

export type RpcId = string | number

/** A JSON-RPC message on its way to the client, with the status it would have alone on an HTTP response. */
export interface Answer {
  readonly bytes: Buffer
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** The client has the message already: it was passed on as it came. */
  readonly relayed?: boolean
  /** How the operation ended, when it is not simply ok. */
  readonly outcome?: 'denied' | 'error'
  readonly code?: string
}

export interface DenialContext {
  readonly id: RpcId | undefined
  readonly requestId: string
  readonly era: Era
  /** The operation had run when it was denied: its result is withheld. */
  readonly ran?: boolean
}

/** The code of every refusal by policy. */
export const POLICY_DENIED = -31001

/** Plugin names, description and details stay in the audit. */
export function denialAnswer(
  form: DenialForm,
  violation: StampedViolation,
  context: DenialContext,
): Answer {
  const { code, reason } = violation
  const { id, requestId } = context
  const headers = denialHeaders(form, violation)
  const refusal = { outcome: 'denied', code, ...(headers ? { headers } : {}) } as const
  if (form === 'tool' && id !== undefined)
    return { bytes: resultBytes(id, toolDenial(violation, context)), status: 200, ...refusal }
  const bytes = errorBytes(id, {
    code: POLICY_DENIED,
    message: `blocked by policy: ${reason}`,
    data: { code, reason, requestId },
  })
  return { bytes, status: form === 'http' ? (violation.httpStatus ?? 403) : 200, ...refusal }
}

// a model can act on a refused tool call, so it is a tool result and not a protocol error (server/tools#error-handling)
function toolDenial(
  { code, reason }: StampedViolation,
  { requestId, era, ran }: DenialContext,
): object {
  const withheld = ran ? '; the tool ran and its result is withheld' : ''
  return {
    content: [{ type: 'text', text: `blocked by policy: ${reason} (${code})${withheld}` }],
    isError: true,
    ...(era === 'modern' ? { resultType: 'complete' } : {}),
    _meta: { 'portcullis/violation': { code, requestId } },
  }
}

// what frames the response is not a policy's to say
const FRAMING =
  /^(connection|content-length|content-type|keep-alive|te|trailer|transfer-encoding|upgrade)$/

// httpHeaders count at http, session and auth points, Retry-After wherever headers are unsent
function denialHeaders(
  form: DenialForm,
  { httpHeaders, httpStatus }: StampedViolation,
): Record<string, string> | undefined {
  const headers: Record<string, string> = {}
  for (const [given, value] of Object.entries(httpHeaders ?? {})) {
    const name = given.toLowerCase()
    const counts = form === 'http' ? !FRAMING.test(name) : name === 'retry-after'
    if (counts) headers[name] = value
  }
  // a 401 without it is no HTTP (RFC 9110 section 15.5.2)
  if (form === 'http' && httpStatus === 401) headers['www-authenticate'] ??= 'Bearer'
  return Object.keys(headers).length > 0 ? headers : undefined
}

const AS_SUCH: ReadonlySet<string> = new Set([
  'WIRE_METHOD_NOT_FOUND',
  'WIRE_HEADER_MISMATCH',
  'WIRE_UNSUPPORTED_VERSION',
])

/** A fault in the band: -32603 (or the code of the wire) with `data.code`; never `isError`. */
export function faultAnswer(
  id: RpcId | undefined,
  fault: AppError,
  requestId: string,
  era: Era,
): Answer {
  return {
    bytes: errorBytes(id, rpcErrorOf(publicFault(fault), requestId)),
    // what is wrong with the request as such keeps its status in the modern era (2026-07-28 basic/index#errors); a gateway that
    // takes nobody in says so to load balancers, too
    status: fault.http === 503 || (era === 'modern' && AS_SUCH.has(fault.code)) ? fault.http : 200,
  }
}

/** A fault before the band: the message could not be taken at all. */
export function refusalAnswer(id: RpcId | undefined, fault: AppError, requestId: string): Answer {
  return { bytes: errorBytes(id, rpcErrorOf(publicFault(fault), requestId)), status: fault.http }
}

/** Who sent the request is not known, so what it is has not been read. */
export function credentialAnswer(
  { code, message, http }: AppError,
  requestId: string,
): Pick<Answer, 'bytes' | 'status'> {
  const data = { code, reason: message, requestId }
  return { bytes: errorBytes(undefined, { code: POLICY_DENIED, message, data }), status: http }
}

// plugin and entry names stay in log and audit; of our own faults the client learns the code, not the details
function publicFault(fault: AppError): {
  code: AppError['code']
  message: string
  rpc: number
  data?: Record<string, unknown>
} {
  const internal = fault.rpc === -32603
  return {
    code: fault.code,
    rpc: fault.rpc,
    message: internal
      ? (PUBLIC_TEXT[fault.code] ?? 'the gateway could not complete the request')
      : fault.message,
    ...(internal ? {} : { data: { ...fault.data } }),
  }
}

const PUBLIC_TEXT: Partial<Record<AppError['code'], string>> = {
  UPSTREAM_UNAVAILABLE: 'the server is not available',
  // what was found out about it is the operator's to know
  UPSTREAM_QUARANTINED: 'the server is quarantined; ask the operator of the gateway',
  UPSTREAM_KEY_CHANGED: 'the server could not prove who it is; ask the operator of the gateway',
  UPSTREAM_TIMEOUT: 'the server did not answer in time',
  UPSTREAM_PROTOCOL: 'the server broke the protocol',
  UPSTREAM_TOO_LARGE: 'the answer of the server is larger than the limit',
  UPSTREAM_REFUSED: 'the server refused the credentials of the gateway',
  UPSTREAM_SPAWN: 'the server could not be started',
  UPSTREAM_ERA: 'the server does not speak the protocol era that was tried',
  CLIENT_TIMEOUT: 'the client did not answer a question in time',
  CLIENT_UNREACHABLE:
    'the call needs an answer of the client, which could not be asked or gave none',
  STREAM_HOLDBACK: 'more of the answer waited for policies than may be held back',
  SHUTTING_DOWN: 'the gateway is shutting down',
  DISPATCH_ABORTED: 'the request was cancelled',
  PAYLOAD_TOO_LARGE: 'the payload is larger than policies may be given, so it is refused',
  NUMBER_UNSAFE: 'the payload holds an integer beyond 2^53 that a policy reads, so it is refused',
  DISPATCH_TIMEOUT: 'the policies did not decide in time',
  PLUGIN_TIMEOUT: 'a policy did not decide in time',
}
