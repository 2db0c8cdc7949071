// The ways a client reaches the gateway, as data: one row per column of the coverage matrix. Nothing is started here.
import type { Operation } from './operations.ts'

export type Era = 'legacy' | 'modern'

export interface Surface {
  readonly id: string
  readonly title: string
  readonly era: Era
  /** Our own listener, or an Express application; `parsed`: behind `express.json()`; or a pair of pipes. */
  readonly mount: 'listener' | 'express' | 'parsed' | 'stdio'
  /** The gateway as a whole, a virtual server, or the transport of 2024-11-05. */
  readonly door: 'whole' | 'virtual' | 'sse'
  /** How the servers behind are spoken to. */
  readonly upstream: 'http' | 'stdio' | 'sse' | 'websocket'
  /** The eras the servers behind speak. */
  readonly servers: 'both' | Era
  /** What the client accepts. */
  readonly accept: 'both' | 'stream'
  /** Every message is an element of a batch, beside a ping. */
  readonly batch: boolean
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
  servers: 'both',
  accept: 'both',
  batch: false,
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
  row('stdio-legacy', 'legacy', 'legacy era, on stdin and stdout', { mount: 'stdio' }),
  row('stdio-modern', 'modern', 'modern era, on stdin and stdout', { mount: 'stdio' }),
  row('batch', 'legacy', 'legacy era, in a batch', { batch: true }),
  row('batch-stdio', 'legacy', 'legacy era, in a batch on stdin', { mount: 'stdio', batch: true }),
  row('virtual-legacy', 'legacy', 'legacy era, a virtual server', { door: 'virtual' }),
  row('virtual-modern', 'modern', 'modern era, a virtual server', { door: 'virtual' }),
  row('sse', 'legacy', 'legacy era, HTTP+SSE of 2024-11-05', { door: 'sse' }),
  row('bridge-legacy', 'legacy', 'legacy era, servers of the modern era', { servers: 'modern' }),
  row('bridge-modern', 'modern', 'modern era, servers of the legacy era', { servers: 'legacy' }),
  row('reload-legacy', 'legacy', 'legacy era, reload in between', { reload: true }),
  row('reload-modern', 'modern', 'modern era, reload in between', { reload: true }),
]

/** What only HTTP has, and what is no message that could stand in a batch. */
const HTTP_ONLY: ReadonlySet<string> = new Set([
  'stream',
  'stream-end',
  'stream-reload',
  'resume',
  'resume-call',
  'bad-host',
  // on a pair of pipes it has no end but a cancellation
  'listen',
])
/** What a client is asked on its way; pipes and the old transport have tests of their own for it (test/gateway/input-surfaces.test.ts). */
const ASKS: ReadonlySet<string> = new Set(['ask', 'confirm'])
const HTTP_TRIGGERS: ReadonlySet<string> = new Set([
  'veto-http',
  'veto-http-post',
  'answer-http',
  'veto-stream-open',
  'veto-stream-message',
  'veto-stream-close',
])
/** The old transport has one stream, with which its session ends. */
const ON_GET: ReadonlySet<string> = new Set([
  'stream-end',
  'stream-reload',
  'resume',
  'resume-call',
])
const NO_ELEMENT: ReadonlySet<string> = new Set([...HTTP_ONLY, 'announce', 'update', 'end'])

/** The operations that there are on a surface. */
export function operationsOn(
  { mount, batch, door }: Surface,
  all: readonly Operation[],
): readonly Operation[] {
  return all.filter(({ action, trigger = '' }) => {
    if (ASKS.has(action) && (mount === 'stdio' || batch || door === 'sse')) return false
    if (door === 'sse' && (ON_GET.has(action) || trigger.startsWith('veto-stream'))) return false
    // the session of a batch is opened outside of it
    if (batch && (NO_ELEMENT.has(action) || trigger === 'veto-session')) return false
    return mount !== 'stdio' || !(HTTP_ONLY.has(action) || HTTP_TRIGGERS.has(trigger))
  })
}
