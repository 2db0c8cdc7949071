// The member names of MCP messages that a reader looks for, so that a spelling only some readers take for one is refused.

import { Buffer } from 'node:buffer'
import { addToHash } from './unique.ts'

/** Objects whose direct members are looked at. Inside `arguments` and further down case variants are data. */
export type Place = 'envelope' | 'params' | 'result' | 'error' | 'meta'

// params and result are the union over all methods and revisions: a variant of any of them is no honest name
const KNOWN: Readonly<Record<Place, readonly string[]>> = {
  envelope: ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
  params: [
    'name', 'arguments', 'uri', '_meta', 'cursor', 'ref', 'argument', 'context', 'level', 'requestId', 'reason',
    'progressToken', 'progress', 'total', 'message', 'data', 'logger', 'protocolVersion', 'capabilities', 'clientInfo',
    'inputResponses', 'requestState', 'task', 'taskId', 'filter', 'notifications', 'messages', 'modelPreferences',
    'systemPrompt', 'includeContext', 'temperature', 'maxTokens', 'stopSequences', 'metadata', 'tools', 'toolChoice',
    'mode', 'requestedSchema', 'url', 'elicitationId', 'status', 'statusMessage', 'createdAt', 'lastUpdatedAt', 'ttl',
    'pollInterval',
  ],
  result: [
    'content', 'structuredContent', 'isError', '_meta', 'messages', 'description', 'contents', 'tools', 'prompts',
    'resources', 'resourceTemplates', 'nextCursor', 'completion', 'resultType', 'ttlMs', 'cacheScope', 'inputRequests',
    'requestState', 'protocolVersion', 'capabilities', 'serverInfo', 'instructions', 'supportedVersions', 'action', 'role',
    'model', 'stopReason', 'roots', 'task',
  ],
  error: ['code', 'message', 'data'],
  meta: [
    'progressToken', 'traceparent', 'tracestate', 'baggage', 'io.modelcontextprotocol/protocolVersion',
    'io.modelcontextprotocol/clientInfo', 'io.modelcontextprotocol/clientCapabilities', 'io.modelcontextprotocol/logLevel',
    'io.modelcontextprotocol/serverInfo', 'io.modelcontextprotocol/related-task', 'io.modelcontextprotocol/subscriptionId',
  ],
} // biome-ignore format: a table

interface KnownNames {
  /** By hash of their bytes, so that a name that is known need not be decoded. */
  readonly byHash: ReadonlyMap<number, KnownName>
  readonly byFold: ReadonlyMap<string, string>
}

interface KnownName {
  readonly name: string
  readonly bytes: Buffer
}

const BY_PLACE = Object.fromEntries(
  Object.entries(KNOWN).map(([place, names]) => [place, knownNames(names)]),
) as unknown as Readonly<Record<Place, KnownNames>>

function knownNames(names: readonly string[]): KnownNames {
  const known = names.map((name) => ({ name, bytes: Buffer.from(name) }))
  return {
    byHash: new Map(known.map((entry) => [entry.bytes.reduce(addToHash, 0), entry])),
    byFold: new Map(names.map((name) => [foldName(name), name])),
  }
}

/**
 * The known name that stands in the bytes letter by letter, if one does. No other member can be a variant of it, for a
 * variant of a known name is refused by itself.
 */
export function knownAt(
  place: Place,
  bytes: Buffer,
  start: number,
  end: number,
  hash: number,
): string | undefined {
  const known = BY_PLACE[place].byHash.get(hash)
  if (known === undefined || known.bytes.length !== end - start) return undefined
  for (let at = start, other = 0; at < end; at++, other++)
    if (bytes[at] !== known.bytes[other]) return undefined
  return known.name
}

/** Whether a name is a known one in another spelling. */
export function isVariant(place: Place, name: string, folded: string): boolean {
  const known = BY_PLACE[place].byFold.get(folded)
  return known !== undefined && known !== name
}

/**
 * Equal for any two names that a reader using Unicode simple case folding takes for the same (Go's encoding/json does:
 * U+017F is `s`, U+212A is `k`). Lower, then upper: one step alone tells `ẞ` from `ß`. It folds a little more than simple
 * folding (`ß` and `ss`), which only ever refuses more.
 */
export function foldName(name: string): string {
  return name.toLowerCase().toUpperCase()
}

/**
 * The text of a member name from what stands between its quotes; undefined if readers would not agree on it: an escape
 * that is none, a NUL (the end of the name for a reader in C) or half a surrogate pair (U+FFFD in some readers).
 */
export function unescapeName(text: string): string | undefined {
  try {
    const name: unknown = JSON.parse(`"${text}"`)
    if (typeof name !== 'string' || !name.isWellFormed()) return undefined
    return name.includes('\0') ? undefined : name
  } catch {
    return undefined
  }
}
