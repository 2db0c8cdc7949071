// The member names of MCP messages that a reader looks for, so that a spelling only some readers take for one is refused.

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
  readonly exact: ReadonlySet<string>
  readonly folded: ReadonlySet<string>
}

const BY_PLACE = Object.fromEntries(
  Object.entries(KNOWN).map(([place, names]) => [
    place,
    { exact: new Set(names), folded: new Set(names.map(foldName)) },
  ]),
) as unknown as Readonly<Record<Place, KnownNames>>

/** Whether a name is a known one, letter by letter: then no other member can be a variant of it, for that is refused. */
export function isKnown(place: Place, name: string): boolean {
  return BY_PLACE[place].exact.has(name)
}

/** Whether the fold of a name that is not known is the fold of one that is. */
export function isVariant(place: Place, folded: string): boolean {
  return BY_PLACE[place].folded.has(folded)
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
