// A link over a WebSocket, one message per text frame; the frames are undici's affair, and this is loaded with the first such server.
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client, Dispatcher } from 'undici'
import type { Clock } from '../base/clock.ts'
import { AppError, isAppError, messageOf } from '../base/errors.ts'
import type { Pipe, PipeListener } from './channel/channel.ts'
import { connectChannel } from './channel/greeting.ts'
import type { UpstreamLimits } from './client.ts'
import { refusalFault } from './http/reply.ts'
import type { Connection } from './lane.ts'
import type { WebSocketOptions } from './options.ts'
import { createConnector } from './tls/connector.ts'
import type { Peer } from './tls/peer.ts'
import type { TransportDeps } from './transport.ts'

const require = createRequire(import.meta.url)

const SUBPROTOCOL = 'mcp'
const CONNECT_MS = 10_000
/** How long the other side may take to close after us. */
const CLOSE_MS = 1000
/** Most frames of one message. */
const MOST_FRAGMENTS = 4096
const MAX_HEADER_BYTES = 16 * 1024
/** Stands for a frame of another kind than text. */
const NO_TEXT = Buffer.alloc(0)

/** Connects and greets the server: `known` legacy skips the probe, undefined probes and falls back. */
export function connectWebSocket(
  options: WebSocketOptions,
  deps: TransportDeps,
  known: 'legacy' | undefined,
  signal: AbortSignal,
): Promise<Connection> {
  const open = (listener: PipeListener) => openSocket(options, deps, listener, signal)
  return connectChannel({ ...options, unit: 'a WebSocket message', open }, deps, known, signal)
}

/** What the WebSocket itself does not tell. */
interface Underneath {
  status?: number
  error?: Error
  socket?: Duplex
  /** Ended by us. */
  killed?: boolean
  /** Because the peer has to prove something else now. */
  replaced?: boolean
}

async function openSocket(
  options: WebSocketOptions,
  { clock, limits, peer }: TransportDeps,
  listener: PipeListener,
  signal: AbortSignal,
): Promise<Pipe> {
  const { WebSocket } = require('undici/lib/web/websocket/websocket.js') as typeof import('undici')
  const below: Underneath = {}
  const client = createClient(options.url, limits, peer)
  const socket = new WebSocket(options.url, {
    protocols: [SUBPROTOCOL],
    headers: { ...options.headers },
    dispatcher: observed(client, below),
  })
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const end = () => {
    forget()
    below.socket?.destroy()
    void client.destroy()
  }
  const kill = () => {
    below.killed = true
    end()
  }
  // there is one connection only, so what was checked before is not good for anything that comes
  const forget = peer.onReplaced(() => {
    if (below.socket && peer.isStill(below.socket as Socket)) return
    below.replaced = true
    kill()
  })
  socket.addEventListener('open', () => opened.resolve())
  socket.addEventListener('message', ({ data }) =>
    listener.message(typeof data === 'string' ? Buffer.from(data) : NO_TEXT),
  )
  socket.addEventListener('close', ({ code }) => {
    end()
    opened.reject(handshakeFault(options.name, below))
    closed.resolve()
    const { reason, fault } = whyClosed(code, below)
    listener.end(reason, fault)
  })
  signal.addEventListener('abort', kill, { once: true })
  const cancel = clock.after(Math.min(CONNECT_MS, limits.requestTimeout), kill)
  try {
    await opened.promise
  } finally {
    cancel()
    signal.removeEventListener('abort', kill)
  }
  return {
    write(bytes) {
      if (socket.readyState !== socket.OPEN || socket.bufferedAmount > limits.response) return false
      socket.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
      return true
    },
    async close() {
      socket.close()
      await within(closed.promise, CLOSE_MS, clock)
      kill()
    },
    kill,
  }
}

/** Of one connection; a message above limits.response is refused with 1009 before it is complete. */
function createClient(url: string, limits: UpstreamLimits, peer: Peer): Client {
  const Client = require('undici/lib/dispatcher/client.js') as typeof import('undici').Client
  return new Client(new URL(url.replace(/^ws/, 'http')).origin, {
    connect: createConnector(peer, CONNECT_MS),
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    webSocket: { maxPayloadSize: limits.response, maxFragments: MOST_FRAGMENTS },
  })
}

function observed(client: Client, below: Underneath): Dispatcher {
  return client.compose((dispatch) => (options, handler) => {
    const observer: Dispatcher.DispatchHandler = {
      onRequestStart: (...given) => handler.onRequestStart?.(...given),
      onRequestUpgrade(controller, status, headers, socket) {
        below.status = status
        below.socket = socket
        handler.onRequestUpgrade?.(controller, status, headers, socket)
      },
      onResponseStart(controller, status, ...rest) {
        below.status = status
        handler.onResponseStart?.(controller, status, ...rest)
      },
      onResponseData: (...given) => handler.onResponseData?.(...given),
      onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
      onResponseError(controller, error) {
        below.error = error
        handler.onResponseError?.(controller, error)
      },
    }
    return dispatch(options, observer)
  })
}

function handshakeFault(name: string, { status, error, killed }: Underneath): AppError {
  if (isAppError(error)) return error
  if (status !== undefined && status !== 101) return refusalFault(name, status)
  if (status === 101) {
    const what = `server ${name} broke the WebSocket handshake or does not know the subprotocol ${SUBPROTOCOL}`
    return new AppError('UPSTREAM_PROTOCOL', what)
  }
  const code = error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const why = killed ? 'no answer in time' : (code ?? (error ? messageOf(error) : 'no connection'))
  return new AppError('UPSTREAM_UNAVAILABLE', `server ${name} could not be reached: ${why}`)
}

// undici does not say why it failed a connection; but nobody else closes a socket that neither ended nor broke
function whyClosed(
  code: number,
  { socket, killed, replaced }: Underneath,
): { readonly reason: string; readonly fault?: 'UPSTREAM_PROTOCOL' } {
  if (replaced) return { reason: 'what it has to prove was decided anew' }
  if (killed) return { reason: 'it was given up' }
  if (code !== 1006) return { reason: `it closed the connection with ${code}` }
  if (socket === undefined || socket.readableEnded || socket.errored)
    return { reason: 'the connection was lost' }
  const reason = 'it sent a message above limits.response, or what is against RFC 6455'
  return { reason, fault: 'UPSTREAM_PROTOCOL' }
}

function within(event: Promise<void>, ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve)
    void event.then(() => {
      cancel()
      resolve()
    })
  })
}
