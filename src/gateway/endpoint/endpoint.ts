// The MCP endpoint on HTTP: POST, GET or DELETE takes a request on that has been received.
import { AppError } from '../../base/errors.ts'
import { MODERN } from '../../wire/revision.ts'
import type { Room } from '../exchange.ts'
import { acceptedBy } from './outbound.ts'
import { createPost, sessionOf } from './post.ts'
import { createReception, type HttpHandler } from './reception.ts'
import type { Reply } from './reply.ts'
import { openStream, resumeStream } from './stream.ts'
import type { Visit } from './visit.ts'

/** One handler for every MCP request over HTTP, whatever server it is mounted in. Never rejects. */
export function createEndpoint(room: Room): HttpHandler {
  const post = createPost(room)
  return createReception(room, route)

  function route(visit: Visit): void | Promise<void> {
    switch (visit.request.method) {
      case 'POST':
        return post(visit)
      case 'GET':
        return get(visit)
      case 'DELETE':
        return end(visit)
      default:
        throw new AppError('WIRE_METHOD_NOT_ALLOWED', 'this endpoint takes POST, GET and DELETE')
    }
  }

  function get(visit: Visit): void | Promise<void> {
    const { reply, exchange, headers } = visit
    if (headers['mcp-protocol-version'] === MODERN) return notAllowed(reply)
    if (!acceptedBy(headers.accept).stream)
      throw new AppError(
        'WIRE_NOT_ACCEPTABLE',
        'an event stream is all that is offered here; send Accept: text/event-stream',
      )
    const session = sessionOf(room, visit)
    const { identity } = exchange
    identity.session = session.id
    identity.sessionLabels = session.labels
    identity.client = session.client
    const last = headers['last-event-id']
    return last === undefined
      ? openStream(room, session, visit)
      : resumeStream(room, session, visit, last)
  }

  function end(visit: Visit): void | Promise<void> {
    if (visit.headers['mcp-protocol-version'] === MODERN) return notAllowed(visit.reply)
    room.sessions.end(sessionOf(room, visit), 'client')
    return visit.reply.empty(200)
  }
}

function notAllowed(reply: Reply): void | Promise<void> {
  return reply.empty(405, { allow: 'POST' })
}
