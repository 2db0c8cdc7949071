// Which transport opens a connection of which kind of server; what is done with the connection is decided above.
import { createFallback } from '../http/fallback.ts'
import type { Connection } from '../lane.ts'
import type { ServerOptions, StdioOptions, WebSocketOptions } from '../options.ts'
import { connectStdio } from '../stdio/stdio.ts'
import type { ProcessTransportDeps } from '../transport.ts'

/** Servers that are spoken to over a channel in either era. */
export type ChannelOptions = StdioOptions | WebSocketOptions

/** Opens a connection in the legacy era. */
export type LegacyConnector = (
  deps: ProcessTransportDeps,
  signal: AbortSignal,
) => Promise<Connection>

/** One per server, because it remembers what it found. */
export function connectorOf(
  options: ServerOptions,
  isModern: () => Promise<boolean>,
): LegacyConnector {
  if (options.kind === 'http') return createFallback(options, isModern)
  return (deps, signal) => openChannel(options, deps, 'legacy', signal)
}

/** `known` legacy skips the probe of the era. */
export async function openChannel(
  options: ChannelOptions,
  deps: ProcessTransportDeps,
  known: 'legacy' | undefined,
  signal: AbortSignal,
): Promise<Connection> {
  if (options.kind === 'stdio') return connectStdio(options, deps, known, signal)
  const { connectWebSocket } = await import('../websocket.ts')
  return connectWebSocket(options, deps, known, signal)
}
