// Which of the two legacy HTTP transports a url is spoken to with when nobody said: tried in order, remembered for a while.
import { type AppError, isAppError, messageOf } from '../../base/errors.ts'
import type { Connection } from '../lane.ts'
import type { HttpOptions } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import { connectHttpLegacy } from './legacy.ts'
import { connectSse } from './sse.ts'

type Legacy = NonNullable<HttpOptions['transport']>

const CONNECT = { 'streamable-http': connectHttpLegacy, sse: connectSse }
/** How long the transport that answered is the only one that is tried. */
const KEPT_MS = 60 * 60_000
/** What an initialize is refused with by a server of the older transport (2025-11-25 transports#backwards-compatibility). */
const OLDER = new Set([400, 404, 405])

/**
 * Connects in the legacy era; one per server, because it remembers what it found. `isModern`: whether the server was found
 * to speak the modern era; such a one is not asked for the transport of 2024-11-05.
 */
export function createFallback(
  options: HttpOptions,
  isModern: () => Promise<boolean>,
): (deps: TransportDeps, signal: AbortSignal) => Promise<Connection> {
  let found: { readonly transport: Legacy; readonly until: number } | undefined

  async function by(transport: Legacy, deps: TransportDeps, signal: AbortSignal) {
    const connection = await CONNECT[transport](options, deps, signal)
    if (found?.transport !== transport)
      deps.log.debug({ transport, kept: KEPT_MS }, 'the transport of the server was found out')
    found = { transport, until: deps.clock.now() + KEPT_MS }
    return connection
  }

  async function search(deps: TransportDeps, signal: AbortSignal): Promise<Connection> {
    try {
      return await by('streamable-http', deps, signal)
    } catch (error) {
      if (!isEvidence(error) || (await isModern()) || signal.aborted) throw error
      deps.log.debug({ reason: error.message }, 'no Streamable HTTP; HTTP+SSE is tried')
      try {
        return await by('sse', deps, signal)
      } catch (second) {
        deps.log.debug({ reason: messageOf(second) }, 'no HTTP+SSE either')
        // a server that is of neither is told by the transport of today; one that failed may be of the older one
        throw isNeither(second) ? error : second
      }
    }
  }

  return async (deps, signal) => {
    if (options.transport) return CONNECT[options.transport](options, deps, signal)
    if (found === undefined || deps.clock.now() >= found.until) return search(deps, signal)
    try {
      return await by(found.transport, deps, signal)
    } catch (error) {
      // what it showed is no longer so; silence and refused credentials show nothing
      if (isAppError(error, 'UPSTREAM_PROTOCOL') || isAppError(error, 'UPSTREAM_ERA'))
        found = undefined
      throw error
    }
  }
}

/** The stream was refused, or was none of that transport. */
function isNeither(error: unknown): boolean {
  return isAppError(error) && (error.code === 'UPSTREAM_PROTOCOL' || error.data?.unnamed === true)
}

function isEvidence(error: unknown): error is AppError {
  return isAppError(error, 'UPSTREAM_PROTOCOL') && OLDER.has(Number(error.data?.status))
}
