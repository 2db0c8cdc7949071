// A JSON-RPC message: its bytes, what the scan found in them, and the values; it is read once and never written again.
import { AppError, isAppError } from '../base/errors.ts'
import { isObject, type JsonObject, UnsafeNumber } from '../base/json.ts'
import { type Scan, type ScanLimits, scan } from './scan.ts'

export type MessageKind = 'request' | 'notification' | 'result' | 'error'

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export interface Message {
  readonly bytes: Buffer
  readonly scan: Scan
  readonly kind: MessageKind
  readonly id: string | number | undefined
  readonly method: string | undefined
  readonly params: JsonObject | undefined
  readonly result: unknown
  readonly error: RpcError | undefined
}

/** Throws WIRE_PARSE, WIRE_DUPLICATE_MEMBER, WIRE_CASE_VARIANT, WIRE_TOO_DEEP, WIRE_BATCH or WIRE_INVALID_REQUEST. */
export function readMessage(bytes: Uint8Array, limits: ScanLimits = OWN_LIMITS): Message {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = scan(buffer, limits)
  const value = parse(buffer, found)
  if (found.batch)
    throw new AppError('WIRE_BATCH', 'batches are not supported; send one message per request')
  return envelope(buffer, found, value)
}

function parse(buffer: Buffer, found: Scan): unknown {
  try {
    return found.unsafeNumber
      ? JSON.parse(buffer.toString('utf8'), keepUnsafe)
      : JSON.parse(buffer.toString('utf8'))
  } catch (error) {
    // the text of a syntax error quotes the body, so it is not passed on
    throw isAppError(error) ? error : new AppError('WIRE_PARSE', 'the body is not valid JSON')
  }
}

/** Integers that a double cannot hold stay as they were written (ECMA-262 JSON.parse source text access). */
function keepUnsafe(
  this: unknown,
  _name: string,
  value: unknown,
  context?: { source?: string },
): unknown {
  const unsafe = typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER
  return unsafe && context?.source !== undefined ? new UnsafeNumber(context.source) : value
}

function envelope(bytes: Buffer, found: Scan, value: unknown): Message {
  if (!isObject(value) || value.jsonrpc !== '2.0')
    throw invalid('the message is not a JSON-RPC 2.0 object')
  const { id, method, params, result, error } = value
  if (id !== undefined && typeof id !== 'string' && !Number.isSafeInteger(id))
    throw invalid('the id is neither a string nor a safe integer')
  const common = { bytes, scan: found, id: id as string | number | undefined }
  if (method !== undefined) {
    if (typeof method !== 'string' || method === '') throw invalid('the method is not a string')
    if (result !== undefined || error !== undefined)
      throw invalid('a message has a method or a result, not both')
    if (params !== undefined && !isObject(params)) throw invalid('params is not an object')
    return {
      ...common,
      kind: id === undefined ? 'notification' : 'request',
      method,
      params: params as JsonObject | undefined,
      result: undefined,
      error: undefined,
    }
  }
  if ((result === undefined) === (error === undefined))
    throw invalid('the message has neither method nor result nor error, or too many of them')
  const answer = { ...common, method: undefined, params: undefined }
  if (error === undefined) return { ...answer, kind: 'result', result, error: undefined }
  if (!isObject(error) || !Number.isInteger(error.code) || typeof error.message !== 'string')
    throw invalid('the error has no code and message')
  return { ...answer, kind: 'error', result: undefined, error: error as unknown as RpcError }
}

function invalid(what: string): AppError {
  return new AppError('WIRE_INVALID_REQUEST', what)
}

const OWN_LIMITS: ScanLimits = { depth: 1000 }

/** A request the gateway makes; links give it an id of their own. */
export function makeRequest(method: string, params?: JsonObject, id: string | number = 0): Message {
  return readMessage(
    Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params })),
    OWN_LIMITS,
  )
}

export function makeNotification(method: string, params?: JsonObject): Message {
  return readMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params })), OWN_LIMITS)
}
