// Opens a channel and greets the server on it, in whichever era it answers to; how a channel is opened is the transport's affair.
import { AppError, isAppError } from '../../base/errors.ts'
import { makeNotification } from '../../wire/message.ts'
import {
  type Hello,
  initializeParams,
  modernMeta,
  readDiscover,
  readInitialize,
} from '../handshake.ts'
import type { Connection } from '../lane.ts'
import type { TransportDeps } from '../transport.ts'
import { Channel, type Pipe, type PipeListener } from './channel.ts'

export interface GreetingOptions {
  readonly name: string
  readonly queue: number
  readonly health: { readonly timeout: number }
  /** See ChannelOptions. */
  readonly unit: string
  /** Given up: it rejects, or what it opens is closed. */
  open(listener: PipeListener, signal: AbortSignal): Promise<Pipe>
}

/** `known` legacy skips the probe, undefined probes and falls back. */
export async function connectChannel(
  options: GreetingOptions,
  deps: TransportDeps,
  known: 'legacy' | undefined,
  signal: AbortSignal,
): Promise<Connection> {
  try {
    return await connectOnce(options, deps, known, signal)
  } catch (error) {
    // a server that the probe killed is legacy evidence as much as one that answers it with an error
    if (known || signal.aborted || !(error instanceof DiedOfProbe)) throw unwrap(error)
    return connectOnce(options, deps, 'legacy', signal)
  }
}

async function connectOnce(
  options: GreetingOptions,
  deps: TransportDeps,
  known: 'legacy' | undefined,
  signal: AbortSignal,
): Promise<Connection> {
  const channel = new Channel(options, deps)
  const stop = () => void channel.close()
  try {
    await channel.open((listener) => options.open(listener, signal))
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) throw new AppError('DISPATCH_ABORTED', 'the start was given up')
    return channel.connection(await greet(channel, options, deps, known))
  } catch (error) {
    await channel.close()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

class DiedOfProbe extends Error {}

function unwrap(error: unknown): unknown {
  return error instanceof DiedOfProbe ? error.cause : error
}

async function greet(
  channel: Channel,
  options: GreetingOptions,
  deps: TransportDeps,
  known: 'legacy' | undefined,
): Promise<Hello> {
  const modern = known ? undefined : await probe(channel, options, deps)
  if (modern) return modern
  const timeout = deps.limits.requestTimeout
  const params = initializeParams(deps.clientInfo, deps.capabilities)
  const reply = await channel.ask('initialize', params, timeout)
  try {
    const hello = readInitialize(options.name, reply)
    channel.greeted(hello.revision)
    channel.send(makeNotification('notifications/initialized').bytes)
    return hello
  } catch (error) {
    // it was only too slow for the first probe
    const late = isAppError(error, 'UPSTREAM_ERA') && !known
    const hello = late ? await probe(channel, options, deps) : undefined
    if (hello) return hello
    throw error
  }
}

/** Any non-modern answer, or none in time, means legacy; the caller goes on with initialize on the same channel. */
async function probe(
  channel: Channel,
  options: GreetingOptions,
  deps: TransportDeps,
  revision?: string,
): Promise<Hello | undefined> {
  try {
    const params = { _meta: modernMeta(deps.clientInfo, revision) }
    const answer = readDiscover(
      await channel.ask('server/discover', params, options.health.timeout),
    )
    if (answer === 'legacy') return undefined
    if (!('retry' in answer)) return answer
    return revision === undefined ? probe(channel, options, deps, answer.retry) : undefined
  } catch (error) {
    if (isAppError(error, 'UPSTREAM_TIMEOUT')) return undefined
    throw new DiedOfProbe('the server ended while it was probed', { cause: error })
  }
}
