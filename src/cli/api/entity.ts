// Entities as the admin API shows them, and where those of each kind are; nothing is asked here.
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Kind } from '../../identity/rights.ts'

export interface Entity {
  readonly kind: string
  readonly id: string
  readonly tenant: string | null
  /** 0: declared in the configuration. */
  readonly version: number
  readonly source: string
  readonly body: JsonObject
  readonly status?: JsonObject
  /** Shown in the answer that made it, and never again. */
  readonly once?: JsonObject
}

/** The order is that in which they can be created: what is referred to comes before what refers to it. */
export const PATHS: Readonly<Record<Kind, string>> = {
  role: '/roles',
  principal: '/principals',
  grant: '/grants',
  client: '/clients',
  key: '/keys',
  server: '/servers',
  virtual_server: '/virtual-servers',
  tool: '/tools',
  prompt: '/prompts',
  resource: '/resources',
  plugin: '/plugins',
  policy: '/policies',
  peer: '/peers',
  webhook: '/webhooks',
  change: '/changes',
}

export const KINDS = Object.keys(PATHS) as readonly Kind[]

/** Undefined: an answer of something else. */
export function readEntity(value: unknown): Entity | undefined {
  if (!isObject(value) || typeof value.kind !== 'string' || typeof value.id !== 'string')
    return undefined
  const { kind, id, tenant, version, source, body, status, once } = value
  if (!isObject(body)) return undefined
  return {
    kind,
    id,
    tenant: typeof tenant === 'string' ? tenant : null,
    version: Number(version),
    source: String(source),
    body: body as JsonObject,
    ...(isObject(status) ? { status: status as JsonObject } : {}),
    ...(isObject(once) ? { once: once as JsonObject } : {}),
  }
}
