// Protocol revisions and the two eras: which there are, which one a message belongs to; it translates nothing.
import { isObject } from '../base/json.ts'
import type { Message } from './message.ts'

/** `legacy`: initialize and sessions. `modern`: stateless, every request says its version in `_meta`. */
export type Era = 'legacy' | 'modern'

interface RevisionFacts {
  readonly era: Era
  /** Clients may send several messages as one array; removed again by the next revision. */
  readonly batches: boolean
}

/** Newest first. */
export const REVISIONS = {
  '2026-07-28': { era: 'modern', batches: false },
  '2025-11-25': { era: 'legacy', batches: false },
  '2025-06-18': { era: 'legacy', batches: false },
  '2025-03-26': { era: 'legacy', batches: true },
  '2024-11-05': { era: 'legacy', batches: false },
} as const satisfies Record<string, RevisionFacts>

export type Revision = keyof typeof REVISIONS

export const MODERN_REVISIONS = ['2026-07-28'] as const
export const LEGACY_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const

export const MODERN = '2026-07-28'
export const LATEST_MODERN = MODERN_REVISIONS[0]
export const LATEST_LEGACY = LEGACY_REVISIONS[0]
/** Assumed of a legacy HTTP request without the header (2025-11-25 transports#protocol-version-header). */
export const ASSUMED_LEGACY = '2025-03-26'

/**
 * Members of `_meta` in the modern era. A request must carry `protocolVersion` and `clientCapabilities` (an object) and
 * should carry `clientInfo`; `logLevel` asks for log messages. Results should carry `serverInfo`: it stands in `_meta` of
 * every result, server/discover included, never in the body. `subscriptionId` ties a notification to its
 * subscriptions/listen.
 *
 * A modern result has `resultType` ("complete"; "input_required" on tools/call, prompts/get, resources/read only).
 * `ttlMs` (integer from 0) and `cacheScope` ("public" or "private") are required on server/discover, the four lists and
 * resources/read, and absent elsewhere. server/discover: `{supportedVersions, capabilities, instructions?, ...}` where
 * `supportedVersions` names modern revisions only.
 *
 * Error data: -32020 any (the SDK sends `{mismatch: {header, body}}`), -32021 `{requiredCapabilities: {sampling: {}}}`
 * (an object, not a list), -32022 `{supported, requested}`. All three are HTTP 400, an unknown method is 404.
 */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  relatedTask: 'io.modelcontextprotocol/related-task',
  progressToken: 'progressToken',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  baggage: 'baggage',
} as const

/** What an initialize is answered with: the version asked for if it is supported, else our latest of that era. */
export function negotiate(requested: unknown): (typeof LEGACY_REVISIONS)[number] {
  return LEGACY_REVISIONS.find((revision) => revision === requested) ?? LATEST_LEGACY
}

export function isLegacyRevision(value: unknown): value is (typeof LEGACY_REVISIONS)[number] {
  return (LEGACY_REVISIONS as readonly unknown[]).includes(value)
}

export function isModernRevision(value: unknown): value is (typeof MODERN_REVISIONS)[number] {
  return (MODERN_REVISIONS as readonly unknown[]).includes(value)
}

/** Revisions are dates: a version we do not know but that is later than the first modern one claims the modern era. */
export function claimsModern(version: string | undefined): boolean {
  return version !== undefined && version >= MODERN && /^\d{4}-\d\d-\d\d$/.test(version)
}

/**
 * Which era a message belongs to. The body decides: a version in `_meta` is modern, whatever the method. Without one a
 * header that names a modern version makes it modern all the same, so that `checkModernHeaders` refuses it there (a
 * notification needs no `_meta` and passes). Everything else is legacy: it never falls back from a modern claim.
 * `header` is the value of MCP-Protocol-Version; undefined on stdio.
 */
export function eraOf(message: Message, header: string | undefined): Era {
  if (message.kind === 'result' || message.kind === 'error') return 'legacy'
  const meta = message.params?._meta
  if (isObject(meta) && Object.hasOwn(meta, META.protocolVersion)) return 'modern'
  return claimsModern(header?.trim()) ? 'modern' : 'legacy'
}
