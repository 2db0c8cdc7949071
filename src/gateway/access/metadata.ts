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
    publishes: (path, runtime) => documentAt(path, runtime) !== undefined,
    handle: createReception(room, (visit) => answer(visit), false),
  }
}

/** By its own name, and by that of each of our endpoints: all of them are the one resource that tokens are for. */
function documentAt(path: string, { gate, listen, virtualPaths }: Runtime): object | undefined {
  const metadata = gate.challenges?.metadata
  if (!metadata || !path.startsWith(WELL_KNOWN)) return undefined
  if (metadata.paths.includes(path)) return metadata.document
  const endpoint = path.slice(WELL_KNOWN.length)
  const known =
    endpoint === listen.path || endpoint === listen.sse?.path || virtualPaths.has(endpoint)
  return known ? metadata.document : undefined
}

function answer({ reply, request, exchange }: Visit): void | Promise<void> {
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD') return reply.empty(405, { allow: 'GET, HEAD' })
  // the same answer as to any other path, if it is gone since
  const found = documentAt(pathOf(request), exchange.runtime)
  if (!found) throw new AppError('WIRE_NOT_FOUND', 'there is no such metadata')
  return reply.json({ bytes: Buffer.from(JSON.stringify(found)), status: 200 })
}
