// A link over the standard streams of a process, in whichever era the process speaks; restarting it is the lane's business.
import { AppError, isAppError, messageOf } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { createLineReader } from '../../wire/lines.ts'
import { type Message, makeNotification, makeRequest, readMessage } from '../../wire/message.ts'
import { type Call, type Calls, createCalls } from '../calls.ts'
import type { UpstreamLink, UpstreamRequest } from '../client.ts'
import {
  type Hello,
  initializeParams,
  modernMeta,
  readDiscover,
  readInitialize,
} from '../handshake.ts'
import { createInbox, type Inbox } from '../inbox.ts'
import type { Connection } from '../lane.ts'
import type { StdioOptions } from '../options.ts'
import type { ProcessTransportDeps } from '../transport.ts'
import { type ServerProcess, spawnServer } from './process.ts'

/** Starts a process and greets it: `known` legacy skips the probe, undefined probes and falls back. */
export async function connectStdio(
  options: StdioOptions,
  deps: ProcessTransportDeps,
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
  options: StdioOptions,
  deps: ProcessTransportDeps,
  known: 'legacy' | undefined,
  signal: AbortSignal,
): Promise<Connection> {
  const channel = new StdioChannel(options, deps)
  const stop = () => void channel.close()
  try {
    await channel.open()
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
  channel: StdioChannel,
  options: StdioOptions,
  deps: ProcessTransportDeps,
  known: 'legacy' | undefined,
): Promise<Hello> {
  const modern = known ? undefined : await probe(channel, options, deps)
  if (modern) return modern
  const timeout = deps.limits.requestTimeout
  const reply = await channel.ask(
    'initialize',
    initializeParams(deps.clientInfo, deps.capabilities),
    timeout,
  )
  try {
    const hello = readInitialize(options.name, reply)
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

/** Any non-modern answer, or none in time, means legacy; the caller goes on with initialize on the same process. */
async function probe(
  channel: StdioChannel,
  options: StdioOptions,
  deps: ProcessTransportDeps,
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
    throw new DiedOfProbe('the process ended while it was probed', { cause: error })
  }
}

const ENDS_WITH_ID = /"id"\s*:\s*(\d{1,15})\s*\}\s*$/
const STARTS_WITH_ID = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*[,}]/
const STARTS_WITH_METHOD = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"method"\s*:/

function idIn(head: string, tail: string): number | undefined {
  const digits = (ENDS_WITH_ID.exec(tail) ?? STARTS_WITH_ID.exec(head))?.[1]
  return digits === undefined ? undefined : Number(digits)
}

class StdioChannel {
  readonly #options: StdioOptions
  readonly #deps: ProcessTransportDeps
  readonly #calls: Calls
  readonly #inbox: Inbox
  readonly #lost = Promise.withResolvers<string>()
  #process: ServerProcess | undefined
  #link: UpstreamLink | undefined
  #closing: Promise<void> | undefined
  #over: string | undefined
  #garbage = 0
  #heard: number

  constructor(options: StdioOptions, deps: ProcessTransportDeps) {
    this.#options = options
    this.#deps = deps
    this.#heard = deps.clock.now()
    this.#calls = createCalls({
      server: options.name,
      clock: deps.clock,
      wheel: deps.wheel,
      queue: options.queue,
      depth: deps.limits.depth,
      abandoned: (call, reason) => this.#cancel(call, reason),
      ended: deps.events.call,
    })
    this.#inbox = createInbox({
      calls: this.#calls,
      log: deps.log,
      answer: (bytes) => void this.send(bytes),
      notification: (message) => this.#link && deps.events.notification(this.#link, message),
      request: (asked) => this.#link && deps.events.request(this.#link, asked),
    })
  }

  async open(): Promise<void> {
    const { limits, clock, guard, environment, events } = this.#deps
    const lines = createLineReader({
      limit: limits.response,
      line: (bytes) => this.#line(bytes),
      oversize: (head, tail) => this.#oversize(head, tail),
    })
    this.#process = await spawnServer(
      this.#options,
      {
        stdout: (chunk) => lines.push(chunk),
        stderr: events.stderr,
        exit: (reason) => this.#exit(reason),
      },
      { clock, guard, environment, queueBytes: limits.response },
    )
  }

  send(bytes: Uint8Array): boolean {
    return this.#over === undefined && this.#process?.write(bytes) === true
  }

  async ask(method: string, params: JsonObject, timeout: number): Promise<Message> {
    const message = makeRequest(method, params)
    return (await this.request({ message, edits: [], timeout })).message
  }

  async request(request: UpstreamRequest): Promise<{ readonly message: Message }> {
    if (this.#over !== undefined) throw this.#unavailable(this.#over)
    const call = this.#calls.open(request)
    if (!this.send(call.bytes))
      this.#calls.fail(call.id, this.#unavailable('it does not read its input'))
    return call.reply
  }

  connection(hello: Hello): Connection {
    const link: UpstreamLink = {
      ...hello,
      request: (request) => this.request(request),
      notify: async (message) => {
        if (!this.send(message.bytes)) throw this.#unavailable(this.#over ?? 'it does not read')
      },
      close: () => this.close(),
    }
    this.#link = link
    return {
      link,
      lost: this.#lost.promise,
      idle: () => (this.#calls.size > 0 ? 0 : this.#deps.clock.now() - this.#heard),
      drop: () => this.#process?.kill(),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    this.#inbox.close()
    this.#over ??= 'it is being stopped'
    this.#calls.failAll(() => this.#unavailable('it is being stopped'))
    await this.#process?.close()
  }

  #line(bytes: Buffer): void {
    this.#heard = this.#deps.clock.now()
    let message: Message
    try {
      message = readMessage(bytes, { depth: this.#deps.limits.depth })
    } catch (error) {
      this.#unreadable(bytes, messageOf(error))
      return
    }
    this.#inbox(message)
  }

  // an answer against the rules fails its call now instead of at its deadline
  #unreadable(bytes: Buffer, reason: string): void {
    const id = idIn(bytes.toString('latin1', 0, 256), bytes.toString('latin1', bytes.length - 256))
    const what = `server ${this.#options.name} sent what is no message: ${reason}`
    if (id === undefined || !this.#calls.fail(id, new AppError('UPSTREAM_PROTOCOL', what)))
      this.#noise(bytes.length, reason)
  }

  // many servers print a banner; it harms nobody, but a flood of it must not flood the log
  #noise(bytes: number, reason: string): void {
    const count = ++this.#garbage
    if (count <= 3 || count % 1000 === 0)
      this.#deps.log.warn({ bytes, count, reason }, 'a line on stdout that is no message')
  }

  #oversize(head: string, tail: string): void {
    const { limits, log } = this.#deps
    const id = idIn(head, tail)
    if (id !== undefined && this.#calls.fail(id, this.#tooLarge())) return
    log.warn({ limit: limits.response }, 'a line on stdout above limits.response')
    if (id !== undefined || STARTS_WITH_METHOD.test(head)) return
    // nobody knows who waits for it, so nobody may wait for ever
    this.#process?.kill()
  }

  #exit(reason: string): void {
    this.#inbox.close()
    this.#over ??= reason
    this.#calls.failAll(() => this.#unavailable(reason))
    this.#lost.resolve(reason)
  }

  #cancel(call: Call, reason: string): void {
    const params = { requestId: call.id, reason }
    this.send(makeNotification('notifications/cancelled', params).bytes)
  }

  #unavailable(reason: string): AppError {
    return new AppError(
      'UPSTREAM_UNAVAILABLE',
      `server ${this.#options.name} is not available: ${reason}`,
    )
  }

  #tooLarge(): AppError {
    const { response } = this.#deps.limits
    return new AppError(
      'UPSTREAM_TOO_LARGE',
      `server ${this.#options.name} answered with more than ${response} bytes`,
    )
  }
}
