// Member names: which ones MCP knows, and when a reader that ignores case would take two names for one; it reads no message.
import type { Buffer } from 'node:buffer'

/** Where a member stands, as far as its name matters. */
export type Place = 'envelope' | 'params'

const ENVELOPE = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']

// the union over all methods and revisions 2024-11-05 to 2026-07-28: a variant of any of them is no honest name
const PARAMS = [
  '_meta', 'name', 'arguments', 'uri', 'cursor', 'ref', 'argument', 'context', 'level', 'requestId', 'reason',
  'progressToken', 'progress', 'total', 'message', 'data', 'logger', 'protocolVersion', 'capabilities', 'clientInfo',
  'inputResponses', 'requestState', 'task', 'taskId', 'filter', 'notifications', 'messages', 'modelPreferences',
  'systemPrompt', 'includeContext', 'temperature', 'maxTokens', 'stopSequences', 'metadata', 'tools', 'toolChoice',
  'mode', 'requestedSchema', 'elicitationId', 'url', 'status', 'statusMessage', 'createdAt', 'lastUpdatedAt', 'ttl',
  'pollInterval',
] // biome-ignore format: a table reads better in rows

export interface KnownNames {
  /** The exact spellings. */
  readonly exact: ReadonlySet<string>
  /** Their folds. */
  readonly folded: ReadonlySet<string>
}

export const KNOWN: Readonly<Record<Place, KnownNames>> = {
  envelope: known(ENVELOPE),
  params: known(PARAMS),
}

function known(names: readonly string[]): KnownNames {
  return { exact: new Set(names), folded: new Set(names.map(foldName)) }
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
 * The text of a member name between its quotes; undefined if readers would not agree on it: an escape that is none, a
 * NUL (ends the name for a reader in C) or half a surrogate pair (becomes U+FFFD in some readers, survives in others).
 */
export function decodeName(
  bytes: Buffer,
  start: number,
  end: number,
  escaped: boolean,
): string | undefined {
  const text = bytes.toString('utf8', start, end)
  if (!escaped) return text
  try {
    const decoded: unknown = JSON.parse(`"${text}"`)
    if (typeof decoded !== 'string' || !decoded.isWellFormed()) return undefined
    return decoded.includes('\0') ? undefined : decoded
  } catch {
    return undefined
  }
}
