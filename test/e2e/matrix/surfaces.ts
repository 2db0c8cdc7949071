// The ways a client reaches the gateway, as data: one row per column of the coverage matrix. Nothing is started here.
export type Era = 'legacy' | 'modern'

export interface Surface {
  readonly id: string
  readonly title: string
  readonly era: Era
  /** Our own listener, or an Express application; `parsed`: behind `express.json()`. */
  readonly mount: 'listener' | 'express' | 'parsed'
  /** How the servers behind are spoken to. */
  readonly upstream: 'http' | 'stdio' | 'sse' | 'websocket'
  /** What the client accepts. */
  readonly accept: 'both' | 'stream'
  /** A reload happens while the request is at its first point. */
  readonly reload: boolean
}

const row = (id: string, era: Era, title: string, more: Partial<Surface> = {}): Surface => ({
  id,
  era,
  title,
  mount: 'listener',
  upstream: 'http',
  accept: 'both',
  reload: false,
  ...more,
})

export const SURFACES: readonly Surface[] = [
  row('legacy-json', 'legacy', 'legacy era, JSON answers'),
  row('legacy-sse', 'legacy', 'legacy era, event streams only', { accept: 'stream' }),
  row('legacy-stdio', 'legacy', 'legacy era, servers over stdio', { upstream: 'stdio' }),
  row('legacy-sse-servers', 'legacy', 'legacy era, servers over HTTP+SSE', { upstream: 'sse' }),
  row('legacy-websocket', 'legacy', 'legacy era, servers over WebSocket', {
    upstream: 'websocket',
  }),
  row('modern-websocket', 'modern', 'modern era, servers over WebSocket', {
    upstream: 'websocket',
  }),
  row('modern-json', 'modern', 'modern era, JSON answers'),
  row('modern-sse', 'modern', 'modern era, event streams only', { accept: 'stream' }),
  row('express-legacy', 'legacy', 'legacy era, mounted in Express', { mount: 'express' }),
  row('express-modern', 'modern', 'modern era, mounted in Express', { mount: 'express' }),
  row('parsed-legacy', 'legacy', 'legacy era, behind express.json()', { mount: 'parsed' }),
  row('parsed-modern', 'modern', 'modern era, behind express.json()', { mount: 'parsed' }),
  row('reload-legacy', 'legacy', 'legacy era, reload in between', { reload: true }),
  row('reload-modern', 'modern', 'modern era, reload in between', { reload: true }),
]
