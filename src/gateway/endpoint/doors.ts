// Which handler a path of the configuration leads to: the gateway as a whole, a virtual server, or the old transport.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMetadata } from '../access/metadata.ts'
import type { Room } from '../exchange.ts'
import type { Runtime } from '../runtime.ts'
import { createEndpoint } from './endpoint.ts'
import type { HttpHandler } from './reception.ts'
import { createSse } from './sse.ts'

export interface Doors {
  /** The gateway as a whole, or the virtual server of this name, whatever the path. Never rejects. */
  readonly endpoint: HttpHandler
  /** Takes the request if the path is one of the configuration; undefined: it is not. */
  enter(
    path: string | undefined,
    request: IncomingMessage,
    response: ServerResponse,
    surface: string,
  ): Promise<void> | undefined
  /** Where the gateway as a whole is. */
  path(): string
  /** Ends the streams that would hold a draining server open. */
  drain(): void
}

export function createDoors(room: Room): Doors {
  const endpoint = createEndpoint(room)
  const sse = createSse(room)
  const metadata = createMetadata(room)
  return {
    endpoint,
    enter(path, request, response, surface) {
      const runtime = runningOr(room)
      // before the start and after the end every path is answered alike
      if (!runtime || path === runtime.listen.path) return endpoint(request, response, surface)
      if (path === undefined) return undefined
      if (path === runtime.listen.sse?.path) return sse.handle(request, response, 'sse')
      const virtualServer = runtime.virtualPaths.get(path)
      if (virtualServer !== undefined) return endpoint(request, response, surface, virtualServer)
      return metadata.publishes(path, runtime)
        ? metadata.handle(request, response, surface)
        : undefined
    },
    path: () => room.current().listen.path,
    drain() {
      room.sessions.closeStreams()
      sse.drain()
    },
  }
}

function runningOr(room: Room): Runtime | undefined {
  try {
    return room.current()
  } catch {
    return undefined
  }
}
