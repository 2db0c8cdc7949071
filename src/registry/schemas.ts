// The shapes of entities that no section of the configuration has: JSON Schemas in the dialect of the configuration; nothing is validated here.
import type { Schema } from '../config/schema/schema.ts'

export type BodySchema = Schema

const TEXTS = {
  type: 'array',
  minItems: 1,
  uniqueItems: true,
  items: { type: 'string', minLength: 1 },
} as const
const DESCRIPTION = { type: 'string', maxLength: 4096, description: 'what it is for' } as const
const URL = {
  type: 'string',
  pattern: '^https?://[^\\s/?#@]+(?:[/?][^\\s#]*)?$',
  'x-expects': 'an http or https URL without credentials and fragment',
} as const
const object = (properties: object, required: readonly string[] = []): BodySchema =>
  ({ type: 'object', additionalProperties: false, required, properties }) as BodySchema

export const SCHEMAS = {
  /** What an operator says about a tool, prompt or resource of a server. */
  offered: object({
    enabled: { type: 'boolean', default: true, description: 'false: in no list, and not served' },
    title: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description: 'shown instead of its own',
    },
    description: { ...DESCRIPTION, description: 'shown instead of its own' },
    tags: { ...TEXTS, minItems: 0, description: 'words to find it by' },
  }),
  client: object({
    description: DESCRIPTION,
    roles: { ...TEXTS, minItems: 0, description: 'roles of whoever comes through it' },
    enabled: { type: 'boolean', default: true, description: 'false: refused' },
  }),
  peer: object(
    {
      description: DESCRIPTION,
      url: { ...URL, description: 'where the other gateway is' },
      headers: {
        type: 'object',
        additionalProperties: { type: 'string', 'x-secret': true },
        propertyNames: { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
        description: 'HTTP headers sent with every request',
      },
    },
    ['url'],
  ),
  webhook: object(
    {
      description: DESCRIPTION,
      url: { ...URL, description: 'where events are sent' },
      events: { ...TEXTS, description: 'names of events' },
      secret: {
        type: 'string',
        minLength: 16,
        'x-secret': true,
        description: 'signs what is sent',
      },
      enabled: { type: 'boolean', default: true, description: 'false: nothing is sent' },
    },
    ['url', 'events'],
  ),
  /** Written by the registry itself; a caller sets `state`, and may say why. */
  change: object(
    {
      kind: { type: 'string', description: 'kind of what is to be changed' },
      target: { type: 'string', description: 'its id' },
      op: { enum: ['create', 'replace', 'merge', 'remove'], description: 'what is to be done' },
      author: { type: 'string', description: 'the id of who wants it' },
      state: { enum: ['pending', 'approved', 'refused'], description: 'how far it is' },
      decided_by: { type: 'string', description: 'the id of who decided' },
      reason: { type: 'string', maxLength: 1000, description: 'why it was decided so' },
      entity: { type: 'object', description: 'what it would become, secrets masked' },
      request: { type: 'string', description: 'the request as it was made' },
    },
    ['kind', 'target', 'op', 'author', 'state'],
  ),
} as const
