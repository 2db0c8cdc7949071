// The JSON Schemas of what the API answers, as the components of its document; nothing is checked here.
import type { JsonObject } from '../../base/json.ts'

export const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` })

const text = { type: 'string' }
const open = { type: 'object' }
const nullable = (type: string) => ({ type: [type, 'null'] })
const object = (properties: JsonObject, required = Object.keys(properties)): JsonObject => ({
  type: 'object',
  properties,
  required,
})

/** An object of these members and no others. */
export function closedShape(properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { type: 'object', additionalProperties: false, properties, required }
}

/** An entity of this kind, or of any, with this schema of its body. */
export function entityShape(kind: string | undefined, body: JsonObject): JsonObject {
  return object(
    {
      kind: kind === undefined ? text : { const: kind },
      id: text,
      tenant: { ...nullable('string'), description: 'null: of the gateway as a whole' },
      version: {
        type: 'integer',
        minimum: 0,
        description: '0: declared in the configuration, or as its server lists it',
      },
      source: { enum: ['declared', 'dynamic', 'catalogue'] },
      body,
      createdAt: { ...nullable('string'), format: 'date-time' },
      updatedAt: { ...nullable('string'), format: 'date-time' },
      status: { ...open, description: 'state that nobody writes, such as whether a server is up' },
      once: { ...open, description: 'shown in this answer and never again, such as a new key' },
      dryRun: { const: true, description: 'nothing was written' },
    },
    ['kind', 'id', 'tenant', 'version', 'source', 'body', 'createdAt', 'updatedAt'],
  )
}

/** A list of these, page by page. */
export function pageShape(item: JsonObject): JsonObject {
  return object({
    items: { type: 'array', items: item },
    next: { ...nullable('string'), description: '`cursor` of the next page' },
  })
}

const outcome = object(
  {
    kind: { enum: ['pass', 'deny', 'respond', 'ask', 'fault'] },
    code: text,
    reason: text,
    entry: text,
    after: open,
    answer: {},
  },
  ['kind'],
)

export const SHAPES: Readonly<Record<string, JsonObject>> = {
  Problem: {
    ...object(
      {
        type: text,
        title: text,
        status: { type: 'integer' },
        code: { type: 'string', description: 'see docs/errors.md' },
        detail: text,
        next: { type: 'string', description: 'what to do' },
        requestId: text,
        errors: {
          type: 'array',
          items: object({ pointer: text, parameter: text, detail: text }, ['detail']),
        },
        violation: {
          ...object({ code: text, reason: text }),
          description: 'a policy refused it',
        },
      },
      ['type', 'title', 'status', 'code', 'detail', 'next', 'requestId'],
    ),
    description: 'problem details (RFC 9457)',
  },
  Entity: entityShape(undefined, open),
  Me: object({
    id: text,
    kind: { enum: ['user', 'service', 'system'] },
    roles: { type: 'array', items: text },
    scopes: { type: 'array', items: text },
    tenant: nullable('string'),
    rights: { type: 'array', items: text },
  }),
  Right: object({
    name: text,
    plane: { enum: ['mcp', 'api'] },
    about: text,
    roles: { type: 'array', items: text },
  }),
  Point: object(
    {
      name: text,
      aliases: { type: 'array', items: text },
      fires: text,
      fired: { type: 'boolean' },
      comes: text,
      writable: { type: 'array', items: text },
      deny: { type: 'boolean' },
      respond: { type: 'boolean' },
      observe: { type: 'boolean' },
    },
    ['name', 'aliases', 'fires', 'fired', 'writable', 'deny', 'respond', 'observe'],
  ),
  Status: object({ ready: { type: 'boolean' }, reasons: { type: 'array', items: text } }),
  Config: object({
    digest: text,
    generation: { type: 'integer' },
    config: { ...open, description: 'values in force, secrets masked' },
  }),
  Attestation: object(
    {
      server: text,
      admission: { enum: ['admitted', 'due', 'grace', 'quarantined'] },
      reason: { type: 'string', description: 'why it is quarantined, or in grace' },
      policy: { type: 'string', description: 'id of the appraisal policy' },
      code: { type: 'string', description: 'of the last refusal; see docs/attestation.md' },
      result: { ...open, description: 'the whole result: claims and digests, no evidence' },
    },
    ['server', 'admission'],
  ),
  Reload: object(
    {
      outcome: { enum: ['applied', 'unchanged', 'refused', 'dry_run'] },
      changed: { type: 'array', items: text },
      reason: text,
    },
    ['outcome', 'changed'],
  ),
  Resealed: object({
    outcome: { enum: ['done', 'more'] },
    entities: { type: 'integer', minimum: 0, description: 'entities that were sealed anew' },
  }),
  Explanation: object(
    {
      point: text,
      server: text,
      payload: open,
      steps: { type: 'array', items: open },
      missing: { type: 'array', items: open },
      outcome,
    },
    ['point', 'payload', 'steps', 'missing', 'outcome'],
  ),
  AuditRecord: { ...open, description: 'one record, as docs/operations.md describes it' },
}
