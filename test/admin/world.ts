// What the suites of the admin API need of whoever runs it: a handle, tokens of known principals, entities that are there, a digest of everything.
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApi } from '../../src/admin/api.ts'
import type { ApiHandle } from '../../src/admin/handle.ts'
import { createAdminServer } from '../../src/admin/server.ts'

/** Principals that every world knows: roles of the table, one of a custom role, and those of two tenants. */
export const WHO = {
  viewer: { roles: ['viewer'], tenant: undefined },
  operator: { roles: ['operator'], tenant: undefined },
  author: { roles: ['policy-author'], tenant: undefined },
  admin: { roles: ['admin'], tenant: undefined },
  /** `auditor` may `api:audit.read` and `api:server.read`. */
  auditor: { roles: ['auditor'], tenant: undefined },
  /** `overseer` may everything of the API, in every tenant. */
  overseer: { roles: ['overseer'], tenant: undefined },
  nobody: { roles: [], tenant: undefined },
  'acme-admin': { roles: ['admin'], tenant: 'acme' },
  'acme-viewer': { roles: ['viewer'], tenant: 'acme' },
  'rival-admin': { roles: ['admin'], tenant: 'rival' },
} as const

export type Who = keyof typeof WHO
export const AUDITOR = ['api:audit.read', 'api:server.read']

export interface World {
  readonly api: ApiHandle
  /** The value of Authorization. */
  token(who: Who): string
  /** An entity of no tenant and one of the tenant acme, of each kind that has routes. */
  readonly ids: Readonly<Record<string, { readonly shared: string; readonly acme: string }>>
  /** Puts the entities of `ids` back as they were, changes undecided. */
  restore(): Promise<void> | void
  /** What a request with a body sends that should be taken: about a new entity, or about one of `ids`. */
  sent(kind: string, method: string, owner: 'shared' | 'acme'): object
  /** Of the whole registry: equal only if nothing was written. */
  digest(): Promise<string> | string
  close(): Promise<void>
}

export interface Asked {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of JSON it checks right away
  readonly json: any
}

export interface Served extends AsyncDisposable {
  readonly port: number
  ask(asked: Asked): Promise<Answered>
}

/** The listener of the product on a free port of loopback. */
export async function serveApi(api: ApiHandle, path = '/'): Promise<Served> {
  const handle = {
    metrics: () => api.metrics(),
    readiness: () => ({ ready: true, reasons: [] }),
    api: createApi(api),
  }
  const server = createAdminServer(handle, { host: '127.0.0.1', path, headerTimeout: 5000 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    ask: (asked) => ask(port, asked),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export async function ask(port: number, { method = 'GET', path, headers = {}, body }: Asked) {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  const sent = request({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { ...length, ...headers },
    agent: false,
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const type = response.headers['content-type'] ?? ''
  const json =
    /^application\/(?:[\w.-]+\+)?json(?:;|$)/.test(type) && text !== ''
      ? JSON.parse(text)
      : undefined
  return { status: response.statusCode ?? 0, headers: response.headers, text, json }
}
