// Validators of entity bodies, compiled from the schemas the configuration has and from the registry's own; they judge one entity, not what it goes with.
import type { JsonObject } from '../../base/json.ts'
import { complete, convert } from '../../config/schema/resolve.ts'
import type { Schema } from '../../config/schema/schema.ts'
import { createValidator, type Validate } from '../../config/schema/validate.ts'
import { readObject } from '../../config/source/object.ts'
import { VIRTUAL_SERVERS_SCHEMA } from '../../gateway/virtual/options.ts'
import { PLUGINS_SCHEMA, POLICIES_SCHEMA } from '../../host/options.ts'
import { IDENTITY_SCHEMA } from '../../identity/options.ts'
import type { Kind } from '../../identity/rights.ts'
import { KIND_TABLE, type SectionItems } from '../../registry/kinds.ts'
import type { Checks } from '../../registry/parts.ts'
import type { BodyProblem } from '../../registry/secrets.ts'
import { SERVERS_SCHEMA } from '../../upstream/options.ts'

const { principals, roles, grants, keys } = IDENTITY_SCHEMA.properties

const SECTION_ITEMS: Readonly<Record<SectionItems, Schema>> = {
  servers: SERVERS_SCHEMA.items,
  virtual_servers: VIRTUAL_SERVERS_SCHEMA.items,
  policies: POLICIES_SCHEMA.items,
  entries: PLUGINS_SCHEMA.properties.entries.items,
  principals: principals.items,
  roles: roles.additionalProperties,
  grants: grants.items,
  keys: without(keys.items, 'hash'),
}

/** The same without a member that no caller gives. */
function without(schema: Schema, member: string): Schema {
  const { [member]: _, ...properties } = schema.properties ?? {}
  return {
    ...schema,
    properties,
    required: schema.required?.filter((name) => name !== member) ?? [],
  }
}

/** What a body of this kind looks like: the items of a section, or a schema of the registry. */
export function bodySchema(kind: Kind): Schema {
  const { schema } = KIND_TABLE[kind]
  return typeof schema === 'string' ? SECTION_ITEMS[schema] : schema
}

const PLACE = { file: '', line: 0, column: 0 }

/** Compiled on first use: most gateways see few kinds. */
export function createShapeCheck(): Checks['shape'] {
  const compiled = new Map<Kind, Validate>()
  return (kind, body): readonly BodyProblem[] => {
    const { tree, problems } = readObject(body, PLACE)
    const validate = compiled.get(kind) ?? createValidator(bodySchema(kind))
    compiled.set(kind, validate)
    const all = tree ? [...problems, ...validate(tree)] : problems
    return all.map(({ path, message }) => ({ path, message }))
  }
}

/** A valid body as the rooms get it: defaults in place, durations and sizes as numbers. */
export function resolvedBody(kind: Kind, body: JsonObject): JsonObject {
  const { tree } = readObject(body, PLACE)
  if (!tree) return body
  const schema = bodySchema(kind)
  return convert(complete(tree, schema), schema) as JsonObject
}
