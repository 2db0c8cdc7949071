// Streamable HTTP without sessions (2026-07-28): every request stands alone, its headers repeat what its body says.
import { AppError, isAppError } from '../../base/errors.ts'
import { modernHeaders } from '../../wire/headers.ts'
import { type Message, makeRequest, readMessage } from '../../wire/message.ts'
import { META } from '../../wire/revision.ts'
import type { Call } from '../calls.ts'
import type { UpstreamLink, UpstreamRequest } from '../client.ts'
import { type Hello, modernMeta, readDiscover } from '../handshake.ts'
import type { Connection } from '../lane.ts'
import type { HttpOptions } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import { createHttpCore, type HttpCore } from './http.ts'
import { sendQuietly } from './quiet.ts'

export async function connectHttpModern(
  options: HttpOptions,
  deps: TransportDeps,
  signal: AbortSignal,
): Promise<Connection> {
  // a request that is given up is cancelled by closing its stream, which the core does
  const core = await createHttpCore(options, deps, { abandoned() {} })
  const stop = () => void core.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const hello = await discover(core, options, deps)
    const link = createLink(core, hello, deps)
    core.link = link
    return { link, lost: core.lost, idle: () => core.idle(), drop: (why) => core.drop(why) }
  } catch (error) {
    await core.close()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function createLink(core: HttpCore, hello: Hello, deps: TransportDeps): UpstreamLink {
  return {
    ...hello,
    request(request) {
      try {
        const call = core.calls.open(request)
        core.post(call, headersOf(call))
        return call.reply
      } catch (error) {
        return Promise.reject(error)
      }
    },
    // this era has no notifications from client to server but those that cancel, and closing does that
    async notify(message) {
      await sendQuietly(core, deps, message.bytes, modernHeaders(message))
    },
    close: () => core.close(),
  }
}

// of the final message: a rename or a patch must show in the headers, or the server refuses with -32020
function headersOf({ bytes, request }: Call): Record<string, string> {
  const { target, inputSchema } = request
  const message = isReadAgain(request) ? readMessage(bytes) : request.message
  return modernHeaders(message, { target, inputSchema })
}

/** Whether an edit may have changed what headers repeat; a method never changes, and the final name comes with the request. */
function isReadAgain({ message, edits, target, inputSchema }: UpstreamRequest): boolean {
  if (edits.length === 0) return false
  const version = message.scan.meta.get(META.protocolVersion)
  if (version === undefined || target === undefined || inputSchema !== undefined) return true
  return edits.some(({ span }) => span.start < version.end && version.nameStart < span.end)
}

/** Throws UPSTREAM_ERA when the answer shows a legacy server; a fault that shows nothing is thrown as it is. */
async function discover(
  core: HttpCore,
  options: HttpOptions,
  deps: TransportDeps,
  revision?: string,
): Promise<Hello> {
  const params = { _meta: modernMeta(deps.clientInfo, revision) }
  const message = makeRequest('server/discover', params)
  const request = { message, edits: [], timeout: deps.limits.requestTimeout }
  const call = core.calls.open(request)
  core.post(call, headersOf(call))
  const answer = readDiscover(await evidence(call.reply))
  if (answer === 'legacy') throw notModern(options)
  if (!('retry' in answer)) return answer
  if (revision !== undefined) throw notModern(options)
  return discover(core, options, deps, answer.retry)

  // 400, 404, 405 and the like without a JSON-RPC error are what legacy servers answer; 401, 403 and 5xx say nothing
  async function evidence(reply: typeof call.reply): Promise<Message> {
    try {
      return (await reply).message
    } catch (error) {
      if (isAppError(error, 'UPSTREAM_PROTOCOL')) throw notModern(options, error)
      throw error
    }
  }
}

function notModern(options: HttpOptions, cause?: unknown): AppError {
  const message = `server ${options.name} does not speak the modern era`
  return new AppError('UPSTREAM_ERA', message, { ...(cause !== undefined && { cause }) })
}
