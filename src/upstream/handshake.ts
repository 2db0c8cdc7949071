// How the gateway greets a server in either era and what the greeting tells; pure, it sends nothing.
import { AppError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Message } from '../wire/message.ts'
import {
  isLegacyRevision,
  LATEST_LEGACY,
  LATEST_MODERN,
  META,
  MODERN_REVISIONS,
} from '../wire/revision.ts'
import type { ClientInfo, Era } from './client.ts'

/** What is known about a server once it was greeted. */
export interface Hello {
  readonly era: Era
  readonly revision: string
  readonly capabilities: JsonObject
  readonly serverInfo: JsonObject | undefined
  readonly instructions: string | undefined
}

const UNSUPPORTED_VERSION = -32022

/** A shared connection declares no sampling, elicitation or roots: it carries no link to the call that caused such a request. */
export function initializeParams(clientInfo: ClientInfo, capabilities: JsonObject): JsonObject {
  return { protocolVersion: LATEST_LEGACY, capabilities, clientInfo: { ...clientInfo } }
}

/** The `_meta` of a request the gateway itself makes in the modern era. */
export function modernMeta(clientInfo: ClientInfo, revision: string = LATEST_MODERN): JsonObject {
  return {
    [META.protocolVersion]: revision,
    [META.clientInfo]: { ...clientInfo },
    [META.clientCapabilities]: {},
  }
}

/**
 * Throws UPSTREAM_ERA for a server that is modern only, UPSTREAM_PROTOCOL for one that answers nonsense. `status`: the HTTP
 * status it was refused with.
 */
export function readInitialize(server: string, reply: Message, status?: number): Hello {
  if (reply.kind === 'error') {
    const code = reply.error?.code
    if (isModernRefusal(reply))
      throw new AppError('UPSTREAM_ERA', `server ${server} speaks the modern era only`)
    const data = status === undefined ? undefined : { status }
    const what = `server ${server} refused initialize with ${code}`
    throw new AppError('UPSTREAM_PROTOCOL', what, { ...(data && { data }) })
  }
  const { result } = reply
  const revision = isObject(result) ? result.protocolVersion : undefined
  if (!isObject(result) || typeof revision !== 'string')
    throw new AppError('UPSTREAM_PROTOCOL', `server ${server} answered initialize with no version`)
  if (!isLegacyRevision(revision)) {
    const text = revision.slice(0, 40)
    throw new AppError('UPSTREAM_PROTOCOL', `server ${server} chose unsupported version ${text}`)
  }
  return hello('legacy', revision, result, result.serverInfo)
}

/**
 * What a reply to server/discover says about the era (basic/versioning#backward-compatibility): a DiscoverResult with
 * a version of ours is modern; -32022 with such a version too, to be asked for again; all else is legacy.
 */
export function readDiscover(reply: Message): Hello | { retry: string } | 'legacy' {
  if (reply.kind === 'error') {
    const version = reply.error?.code === UNSUPPORTED_VERSION ? offersModern(reply) : undefined
    return version === undefined ? 'legacy' : { retry: version }
  }
  const { result } = reply
  if (!isObject(result)) return 'legacy'
  const revision = ours(result.supportedVersions)
  if (revision === undefined) return 'legacy'
  const meta = isObject(result._meta) ? result._meta : {}
  return hello('modern', revision, result, meta[META.serverInfo] ?? result.serverInfo)
}

function hello(
  era: Era,
  revision: string,
  result: Record<string, unknown>,
  serverInfo: unknown,
): Hello {
  return {
    era,
    revision,
    capabilities: isObject(result.capabilities) ? (result.capabilities as JsonObject) : {},
    serverInfo: isObject(serverInfo) ? (serverInfo as JsonObject) : undefined,
    instructions: typeof result.instructions === 'string' ? result.instructions : undefined,
  }
}

// a legacy server knows initialize: one that does not, or that misses modern headers or `_meta`, is modern only
function isModernRefusal(reply: Message): boolean {
  const code = reply.error?.code
  if (code === UNSUPPORTED_VERSION) return offersModern(reply) !== undefined
  return code === -32601 || code === -32602 || code === -32020
}

function offersModern(reply: Message): string | undefined {
  const data = reply.error?.data
  return isObject(data) ? ours(data.supported) : undefined
}

function ours(offered: unknown): string | undefined {
  if (!Array.isArray(offered)) return undefined
  return MODERN_REVISIONS.find((revision) => offered.includes(revision))
}
