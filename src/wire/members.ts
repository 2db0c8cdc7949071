// The member names of MCP messages that a reader looks for, so that a spelling that only some readers take for one is refused.

/** Objects whose direct members are looked at. Inside `arguments` and further down case variants are data. */
export type Place = 'envelope' | 'params' | 'result' | 'error' | 'meta'

const KNOWN: Readonly<Record<Place, readonly string[]>> = {
  envelope: ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
  params: [
    'name', 'arguments', 'uri', '_meta', 'cursor', 'ref', 'argument', 'context', 'level', 'requestId', 'reason',
    'progressToken', 'progress', 'total', 'message', 'data', 'logger', 'protocolVersion', 'capabilities', 'clientInfo',
    'inputResponses', 'requestState', 'task', 'taskId', 'filter', 'notifications', 'messages', 'modelPreferences',
    'systemPrompt', 'includeContext', 'maxTokens', 'tools', 'toolChoice', 'mode', 'requestedSchema', 'url', 'elicitationId',
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

const BY_FOLD = Object.fromEntries(
  Object.entries(KNOWN).map(([place, names]) => [
    place,
    new Map(names.map((name) => [foldName(name), name])),
  ]),
) as unknown as Readonly<Record<Place, ReadonlyMap<string, string>>>

/** Equal for two names that a case-insensitive reader takes for one, by Unicode and not only by ASCII (U+017F, U+212A). */
export function foldName(name: string): string {
  return name.toUpperCase().toLowerCase()
}

/** Whether a name is a known one in another spelling. */
export function variantOf(place: Place, name: string, folded: string): boolean {
  const known = BY_FOLD[place].get(folded)
  return known !== undefined && known !== name
}
