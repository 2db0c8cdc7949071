// The ways a client reaches the gateway, as data: one row per column of the coverage matrix. Nothing is started here.
export type Era = 'legacy' | 'modern'

export interface Surface {
  readonly id: string
  readonly title: string
  readonly era: Era
  /** Our own listener, or an Express application; `parsed`: behind `express.json()`. */
  readonly mount: 'listener' | 'express' | 'parsed'
  /** The gateway as a whole, a virtual server, or the transport of 2024-11-05. */
  readonly door: 'whole' | 'virtual' | 'sse'
  /** Which servers stand behind: over Streamable HTTP, or over stdio. */
  readonly upstream: 'http' | 'stdio'
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
  door: 'whole',
  upstream: 'http',
  accept: 'both',
  reload: false,
  ...more,
})

export const SURFACES: readonly Surface[] = [
  row('legacy-json', 'legacy', 'legacy era, JSON answers'),
  row('legacy-sse', 'legacy', 'legacy era, event streams only', { accept: 'stream' }),
  row('legacy-stdio', 'legacy', 'legacy era, servers over stdio', { upstream: 'stdio' }),
  row('modern-json', 'modern', 'modern era, JSON answers'),
  row('modern-sse', 'modern', 'modern era, event streams only', { accept: 'stream' }),
  row('express-legacy', 'legacy', 'legacy era, mounted in Express', { mount: 'express' }),
  row('express-modern', 'modern', 'modern era, mounted in Express', { mount: 'express' }),
  row('parsed-legacy', 'legacy', 'legacy era, behind express.json()', { mount: 'parsed' }),
  row('parsed-modern', 'modern', 'modern era, behind express.json()', { mount: 'parsed' }),
  row('virtual-legacy', 'legacy', 'legacy era, a virtual server', { door: 'virtual' }),
  row('virtual-modern', 'modern', 'modern era, a virtual server', { door: 'virtual' }),
  row('sse', 'legacy', 'legacy era, HTTP+SSE of 2024-11-05', { door: 'sse' }),
  row('reload-legacy', 'legacy', 'legacy era, reload in between', { reload: true }),
  row('reload-modern', 'modern', 'modern era, reload in between', { reload: true }),
]
