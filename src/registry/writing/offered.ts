// What is said about tools, prompts and resources of servers: how an id is read, and the entity as its points have it.
import type { JsonObject } from '../../base/json.ts'
import type { ServerInfo } from '../../engine/context.ts'
import type { Kind } from '../../identity/rights.ts'

/** `SERVER/NAME`; of a resource template `SERVER:template/URI TEMPLATE`. Undefined: not of such a kind. */
export function identityOf(kind: Kind, id: string): JsonObject | undefined {
  if (kind !== 'tool' && kind !== 'prompt' && kind !== 'resource') return undefined
  const slash = id.indexOf('/')
  const [server = '', template] = id.slice(0, slash).split(':')
  const name = id.slice(slash + 1)
  if (kind !== 'resource') return { server, name }
  return template === undefined ? { server, uri: name } : { server, uriTemplate: name }
}

const IDENTITY = new Set(['server', 'name', 'uri', 'uriTemplate'])

/** The points of a catalogue and of an operator have one shape: whose it is and what it is called there come first. */
export function asAsked(kind: Kind, id: string, body: JsonObject): JsonObject {
  const identity = identityOf(kind, id)
  return identity ? { ...identity, ...body } : body
}

export function asBody(kind: Kind, id: string, asked: JsonObject): JsonObject {
  if (!identityOf(kind, id)) return asked
  return Object.fromEntries(Object.entries(asked).filter(([name]) => !IDENTITY.has(name)))
}

/** What conditions know of a server that is about to be registered. */
export function infoOf(kind: Kind, body: JsonObject): ServerInfo | undefined {
  if (kind !== 'server') return undefined
  const { name, tags, environment, tenant } = body
  return {
    name: String(name),
    tags: Array.isArray(tags) ? tags.map(String) : [],
    environment: typeof environment === 'string' ? environment : undefined,
    tenant: typeof tenant === 'string' ? tenant : undefined,
  }
}
