// Streamable HTTP without sessions (2026-07-28): every request stands alone, its headers repeat what its body says.
import { AppError, isAppError } from '../../base/errors.ts'
import { modernHeaders } from '../../wire/headers.ts'
import { type Message, makeRequest, readMessage } from '../../wire/message.ts'
import type { UpstreamLink, UpstreamRequest } from '../client.ts'
import { type Hello, modernMeta, readDiscover } from '../handshake.ts'
import type { Connection } from '../lane.ts'
import type { HttpOptions } from '../options.ts'
import type { TransportDeps } from '../transport.ts'
import { createHttpCore, type HttpCore, sendQuietly } from './http.ts'

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
    async request(request) {
      const call = core.calls.open(request)
      core.post(call, headersOf(call.bytes, request))
      return call.reply
    },
    // this era has no notifications from client to server but those that cancel, and closing does that
    async notify(message) {
      await sendQuietly(core, deps, message.bytes, modernHeaders(message))
    },
    close: () => core.close(),
  }
}

// from the final message: a rename or a patch must show in the headers, or the server refuses with -32020
function headersOf(bytes: Uint8Array, request: UpstreamRequest): Record<string, string> {
  const message = request.edits.length === 0 ? request.message : readMessage(bytes)
  return modernHeaders(message, { target: request.target, inputSchema: request.inputSchema })
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
  core.post(call, headersOf(call.bytes, request))
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
