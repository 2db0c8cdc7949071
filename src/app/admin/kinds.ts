// The kinds of entities as the admin API serves them: the registry's table with the schemas of its bodies; nothing is read or written here.
import type { EntityKind } from '../../admin/handle.ts'
import type { JsonObject } from '../../base/json.ts'
import { KINDS, type Kind } from '../../identity/rights.ts'
import { KIND_TABLE } from '../../registry/kinds.ts'
import { bodySchema } from './entity-checks.ts'

const ABOUT: Readonly<Record<Kind, string>> = {
  server: 'an MCP server behind the gateway',
  virtual_server: 'a part of what the servers offer, at a path of its own',
  tool: 'what an operator says about a tool of a server',
  prompt: 'what an operator says about a prompt of a server',
  resource: 'what an operator says about a resource or template of a server',
  policy: 'a rule without code',
  plugin: 'an entry of a plugin, off until it is given a mode',
  principal: 'somebody who may be known',
  role: 'what those who have it may do',
  grant: 'who has which roles',
  key: 'an API key; the key itself is shown once, when it is made',
  client: 'a program that is known to the gateway',
  peer: 'another gateway',
  webhook: 'where events are sent',
  change: 'a change that a second person has to agree to',
}

export function entityKinds(): readonly EntityKind[] {
  return KINDS.map((kind) => ({
    kind,
    about: ABOUT[kind],
    schema: documented(bodySchema(kind)) as JsonObject,
    filters: KIND_TABLE[kind].filters,
    // a change is made by a write that has to wait, and decided by routes of its own
    writes: kind === 'change' ? ['remove'] : ['create', 'replace', 'merge', 'remove'],
  }))
}

/** Without what only the loader of the configuration reads. `names`: the members are names that somebody chose. */
function documented(schema: unknown, names = false): unknown {
  if (Array.isArray(schema)) return schema.map((inner) => documented(inner))
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => names || !name.startsWith('x-'))
      .map(([name, inner]) => [name, documented(inner, !names && MAPS.has(name))]),
  )
}

const MAPS = new Set(['properties', 'dependentSchemas'])
