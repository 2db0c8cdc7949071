// What the tests of this folder share: options for fixture servers, waiting for a condition, whether a process lives.
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { Cancellation } from '../../src/base/caller.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import type {
  CallOutcome,
  Upstream,
  UpstreamDeps,
  UpstreamReply,
  UpstreamRequest,
} from '../../src/upstream/client.ts'
import type {
  HttpOptions,
  ServerOptions,
  StdioOptions,
  WebSocketOptions,
} from '../../src/upstream/options.ts'
import { createUpstream } from '../../src/upstream/upstream.ts'
import { type Message, readMessage } from '../../src/wire/message.ts'

const FIXTURES = new URL('../fixtures/upstream/', import.meta.url).pathname

export function stdioOptions(script: string, ...flags: string[]): StdioOptions {
  return {
    kind: 'stdio',
    name: 'odd',
    command: process.execPath,
    args: [`${FIXTURES}${script}`, ...flags],
    env: {},
    cwd: undefined,
    tags: [],
    environment: undefined,
    tenant: undefined,
    required: false,
    queue: 64,
    pool: { per: 'shared', max: 4, idleStop: 60_000 },
    health: { every: 0, timeout: 5000, restart: { least: 20, most: 200, max: 5 } },
  }
}

/** Repeats an assertion until it holds or time is up. */
export async function eventually(check: () => unknown, ms = 4000): Promise<void> {
  for (const end = performance.now() + ms; ; ) {
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A zombie that nobody reaped yet does not live. */
export function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z'
  } catch {
    return false
  }
}

export interface Recorded {
  readonly notifications: Message[]
  readonly requests: Message[]
  readonly stderr: string[]
  readonly states: string[]
  readonly calls: { method: string; outcome: CallOutcome }[]
  readonly keys: string[]
  restarts: number
  renewals: number
}

export const LIMITS = { response: 1 << 20, depth: 64, requestTimeout: 8000 }

/** An upstream over real parts; what it reports is recorded. */
export function upstreamOf(
  options: ServerOptions,
  deps: Partial<UpstreamDeps> = {},
): { upstream: Upstream; seen: Recorded } {
  const seen: Recorded = {
    notifications: [],
    requests: [],
    stderr: [],
    states: [],
    calls: [],
    keys: [],
    restarts: 0,
    renewals: 0,
  }
  const upstream = createUpstream(options, {
    clock: systemClock,
    log: silentLogger,
    limits: LIMITS,
    clientInfo: { name: 'portcullis', version: '0.0.0' },
    events: {
      notification: (_upstream, _link, message) => seen.notifications.push(message),
      request: (_upstream, _link, message) => seen.requests.push(message),
      state: (which) => seen.states.push(which.status.state),
      stderr: (_upstream, line) => seen.stderr.push(line),
      call: (_upstream, method, _ms, outcome) => seen.calls.push({ method, outcome }),
      keyChanged: (_upstream, key) => seen.keys.push(key),
      restart: () => {
        seen.restarts++
      },
      renewed: () => {
        seen.renewals++
      },
    },
    ...deps,
  })
  return { upstream, seen }
}

export interface CallOptions extends Partial<UpstreamRequest> {
  /** The client's own id and `_meta`. */
  readonly id?: string | number
  readonly meta?: object
}

/** A caller that goes away after so many milliseconds. */
export function goneAfter(ms: number): Cancellation {
  const caller = new Cancellation()
  setTimeout(() => caller.abort(), ms)
  return caller
}

/** A tools/call as a client would send it. */
export function toolCall(
  name: string,
  args: object = {},
  options: CallOptions = {},
): UpstreamRequest {
  const { id = 'client-1', meta, ...rest } = options
  const params = { name, arguments: args, ...(meta && { _meta: meta }) }
  const text = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  const message = readMessage(Buffer.from(text), { depth: 64 })
  return { message, edits: [], timeout: 5000, ...rest }
}

/** The text of the first content block of a tool's result. */
export async function textOf(reply: Promise<UpstreamReply>): Promise<string> {
  const { message } = await reply
  if (message.kind !== 'result') throw new Error(`not a result: ${JSON.stringify(message.error)}`)
  const { content } = message.result as { content: { text: string }[] }
  return content[0]?.text ?? ''
}

export function httpOptions(url: string, more: Partial<HttpOptions> = {}): HttpOptions {
  return {
    kind: 'http',
    name: 'odd',
    url,
    headers: {},
    tags: [],
    environment: undefined,
    tenant: undefined,
    required: false,
    queue: 64,
    pool: { per: 'shared', max: 4, idleStop: 60_000 },
    health: { every: 0, timeout: 1000, restart: { least: 20, most: 200, max: 50 } },
    ...more,
  }
}

export function webSocketOptions(
  url: string,
  more: Partial<WebSocketOptions> = {},
): WebSocketOptions {
  const { transport: _, ...common } = httpOptions(url)
  return { ...common, kind: 'websocket', ...more }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
