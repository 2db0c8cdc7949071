// Protected resource metadata (RFC 9728) at the well-known places of our endpoints; what is in it is said elsewhere.
import { AppError } from '../../base/errors.ts'
import { pathOf } from '../endpoint/http-point.ts'
import { createReception, type HttpHandler } from '../endpoint/reception.ts'
import type { Visit } from '../endpoint/visit.ts'
import type { Room } from '../exchange.ts'
import type { Runtime } from '../runtime.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

export interface Metadata {
  /** Whether this path is one of its places. */
  publishes(path: string, runtime: Runtime): boolean
  /** For everybody: without it nobody could find out how to get credentials. Never rejects. */
  readonly handle: HttpHandler
}

export function createMetadata(room: Room): Metadata {
  return {
    publishes: (path, runtime) => metadataAt(room, path, runtime) !== undefined,
    handle: createReception(room, (visit) => answer(room, visit), false),
  }
}

function metadataAt({ challenges }: Room, path: string, runtime: Runtime): object | undefined {
  if (!challenges || !path.startsWith(WELL_KNOWN)) return undefined
  const { listen, virtualPaths } = runtime
  // without a path it is about the gateway as a whole (RFC 9728 section 3.1)
  const about = path.slice(WELL_KNOWN.length) || listen.path
  const known = about === listen.path || about === listen.sse?.path || virtualPaths.has(about)
  return known ? challenges.metadata(about) : undefined
}

function answer(room: Room, { reply, request, exchange }: Visit): void | Promise<void> {
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD') return reply.empty(405, { allow: 'GET, HEAD' })
  // the same answer as to any other path, if it is gone since
  const found = metadataAt(room, pathOf(request), exchange.runtime)
  if (!found) throw new AppError('WIRE_NOT_FOUND', 'there is no such metadata')
  return reply.json({ bytes: Buffer.from(JSON.stringify(found)), status: 200 })
}
