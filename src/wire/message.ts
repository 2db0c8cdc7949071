// A JSON-RPC message: its own bytes, what the scan found in them, and the values; it is read once and never written again.
import { Buffer } from 'node:buffer'
import { AppError } from '../base/errors.ts'
import { isObject, type JsonObject, UnsafeNumber } from '../base/json.ts'
import { lazyMember } from '../base/lazy.ts'
import type { Member } from './member-table.ts'
import { parseEscapedNames } from './parse.ts'
import { type Scan, type ScanLimits, scan } from './scan.ts'

export { UnsafeNumber }

export type MessageKind = 'request' | 'notification' | 'result' | 'error'

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export interface Message {
  /** As they came; never changed. */
  readonly bytes: Buffer
  readonly scan: Scan
  readonly kind: MessageKind
  /** Undefined for notifications, and for errors whose sender could not tell. */
  readonly id: string | number | undefined
  readonly method: string | undefined
  readonly params: JsonObject | undefined
  readonly result: unknown
  readonly error: RpcError | undefined
}

/** For bytes the gateway itself has made. */
const OWN_LIMITS: ScanLimits = { depth: 1000 }

/**
 * Scan, one `JSON.parse`, envelope check; large members of `params` and `result` are parsed when they are first read. A member called `__proto__` is a member like any other. Integers beyond
 * 2^53 - 1 become `UnsafeNumber`, which writes its own digits again.
 * Throws WIRE_BATCH, WIRE_INVALID_REQUEST, WIRE_INVALID_PARAMS (`_meta` is no object), and what `scan` throws.
 */
export function readMessage(bytes: Uint8Array, limits: ScanLimits = OWN_LIMITS): Message {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found = scan(buffer, limits)
  if (found.batch)
    throw new AppError('WIRE_BATCH', 'batches are not supported; send one message per request')
  const envelope = parse(buffer, found)
  if (!isObject(envelope) || envelope.jsonrpc !== '2.0')
    throw invalid('the message is not a JSON-RPC 2.0 object')
  return 'method' in envelope ? call(buffer, found, envelope) : answer(buffer, found, envelope)
}

function call(bytes: Buffer, found: Scan, envelope: Record<string, unknown>): Message {
  const { method, params, id } = envelope
  if (typeof method !== 'string' || method === '') throw invalid('method is not a name')
  if ('result' in envelope || 'error' in envelope)
    throw invalid('the message has a method and a result or error')
  if (params !== undefined && !isObject(params)) throw invalid('params is not an object')
  const kind = 'id' in envelope ? 'request' : 'notification'
  if (kind === 'request' && !isId(id)) throw badId()
  checkTarget('method', method)
  if (params !== undefined) {
    checkTarget('params.name', params.name)
    checkTarget('params.uri', params.uri)
    checkMeta('params', params._meta)
  }
  return {
    bytes,
    scan: found,
    kind,
    id: id as string | number | undefined,
    method,
    params: params as JsonObject | undefined,
    result: undefined,
    error: undefined,
  }
}

function answer(bytes: Buffer, found: Scan, envelope: Record<string, unknown>): Message {
  const { id, result, error } = envelope
  const isResult = 'result' in envelope
  if (isResult === 'error' in envelope)
    throw invalid('the message has neither method nor result nor error, or too many of them')
  if ('params' in envelope) throw invalid('the message has params and a result or error')
  if (!isResult && !isRpcError(error)) throw invalid('the error has no code and message')
  // a sender that could not read the id says null (JSON-RPC 2.0 section 5) or nothing (MCP schema)
  if (!isId(id) && (isResult || (id !== null && id !== undefined))) throw badId()
  if (isResult && isObject(result)) checkMeta('result', result._meta)
  return {
    bytes,
    scan: found,
    kind: isResult ? 'result' : 'error',
    id: (id ?? undefined) as string | number | undefined,
    method: undefined,
    params: undefined,
    result,
    error: error as RpcError | undefined,
  }
}

// half a surrogate pair is U+FFFD for some readers: nothing is named so; in all other values it is data
function checkTarget(where: string, text: unknown): void {
  if (typeof text === 'string' && !text.isWellFormed())
    throw invalid(`${where} holds half a surrogate pair`)
}

function checkMeta(where: string, meta: unknown): void {
  if (meta !== undefined && !isObject(meta))
    throw new AppError('WIRE_INVALID_PARAMS', `${where}._meta is not an object`)
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' ? id.isWellFormed() : Number.isSafeInteger(id)
}

function isRpcError(error: unknown): boolean {
  return isObject(error) && Number.isSafeInteger(error.code) && typeof error.message === 'string'
}

function badId(): AppError {
  return invalid('the id is neither a string nor a safe integer')
}

function invalid(what: string): AppError {
  return new AppError('WIRE_INVALID_REQUEST', what)
}

/** Members of `params` and `result` from this size on are parsed when somebody reads them; most gateways' policies read names. */
export const LARGE = 4096

/** The scan has proved that all of it can be parsed, so parts may wait. */
function parse(buffer: Buffer, found: Scan): unknown {
  const large = buffer.length < LARGE ? [] : largeMembers(found)
  if (large.length === 0) return parseText(buffer.toString('utf8'), found)
  let text = ''
  let at = 0
  for (const [, { start, end }] of large) {
    text += `${buffer.toString('utf8', at, start)}null`
    at = end
  }
  const envelope = parseText(text + buffer.toString('utf8', at), found)
  const holder = holderOf(found, envelope as Record<string, unknown>)
  for (const [name, { start, end }] of large)
    lazyMember(holder, name, () => parseText(buffer.toString('utf8', start, end), found))
  return envelope
}

function largeMembers({ inner }: Scan): (readonly [string, Member])[] {
  return [...inner].filter(([, { start, end }]) => end - start >= LARGE)
}

/** The object whose members are the inner ones. */
function holderOf({ members, inner }: Scan, envelope: Record<string, unknown>): object {
  const [first] = inner.values()
  for (const name of ['params', 'result', 'error']) {
    const span = members.get(name)
    if (span && first && span.start < first.start && first.end < span.end)
      return envelope[name] as object
  }
  throw new AppError('INTERNAL', 'the inner members stand nowhere')
}

function parseText(text: string, { unsafeNumber, escapedName }: Scan): unknown {
  if (escapedName) return parseEscapedNames(text, readNumber)
  // a reviver makes parsing several times slower, so there is one only when a number needs it
  return unsafeNumber ? JSON.parse(text, keepUnsafe) : JSON.parse(text)
}

/** JSON of our own that holds what others wrote: every name and every number as it stands there. */
export function readOwn(text: string): unknown {
  return parseEscapedNames(text, readNumber)
}

/** Numbers that a double cannot hold stay as they were written (ECMA-262 JSON.parse source text access). */
function keepUnsafe(
  this: unknown,
  _member: string,
  value: unknown,
  context?: { source?: string },
): unknown {
  const source = context?.source
  return typeof value === 'number' && source !== undefined ? safely(value, source) : value
}

function readNumber(source: string): unknown {
  return safely(Number(source), source)
}

function safely(value: number, source: string): unknown {
  if (Number.isSafeInteger(value)) return value
  return !Number.isFinite(value) || /^-?\d+$/.test(source) ? new UnsafeNumber(source) : value
}

/** The id of a message that `readMessage` refused, when it can be read without doubt: the refusal then names it. */
export function readableId(bytes: Uint8Array, limits: ScanLimits): string | number | undefined {
  try {
    const found = scan(bytes, limits)
    const span = found.members.get('id')
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    const envelope: unknown = JSON.parse(text)
    return span && isObject(envelope) && isId(envelope.id) ? envelope.id : undefined
  } catch {
    return undefined
  }
}

/** A request the gateway makes; links give it an id of their own. */
export function makeRequest(method: string, params?: JsonObject, id: string | number = 0): Message {
  return make({ jsonrpc: '2.0', id, method, params })
}

export function makeNotification(method: string, params?: JsonObject): Message {
  return make({ jsonrpc: '2.0', method, params })
}

function make(envelope: object): Message {
  return readMessage(Buffer.from(JSON.stringify(envelope)))
}
