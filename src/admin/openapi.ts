// The table of routes as an OpenAPI 3.1 document; it says nothing that the table does not.
import type { JsonObject } from '../base/json.ts'
import type { EntityKind } from './handle.ts'
import { ID_SCHEMA } from './request/parameters.ts'
import type { AnswerHeader, AnswerSpec, Parameter, RequestHeader, Route } from './route.ts'
import { BASE } from './router.ts'
import { entitySchemas } from './routes/entities.ts'
import { ref, SHAPES } from './routes/shapes.ts'

export interface DocumentInput {
  readonly routes: readonly Route[]
  readonly kinds: readonly EntityKind[]
  readonly version: string
  /** Where the API is mounted; empty: at the root. */
  readonly base: string
}

export function openApi({ routes, kinds, version, base }: DocumentInput): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = `${BASE}${route.path}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Portcullis admin API',
      version,
      description: 'Entities, policies and state of a gateway. See docs/admin-api.md.',
    },
    servers: [{ url: base === '' ? '/' : base }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'an API key or an access token' },
      },
      headers: ANSWER_HEADERS,
      responses: { Problem: PROBLEM },
      schemas: { ...SHAPES, ...entitySchemas(kinds) },
    },
  }
}

function operationOf(route: Route): object {
  const { operation, about, right, kind, query, headers, body, path } = route
  return {
    operationId: operation,
    summary: about,
    ...(right === undefined ? {} : { description: `Needs the right \`${right}\`.` }),
    tags: [kind ?? path.split('/')[1]],
    parameters: [
      ...(path.includes('{id}')
        ? [{ name: 'id', in: 'path', required: true, schema: ID_SCHEMA }]
        : []),
      ...Object.entries(query).map(([name, parameter]) => queryParameter(name, parameter)),
      ...headers.map((name) => ({ name, in: 'header', ...REQUEST_HEADERS[name] })),
    ],
    ...(body
      ? {
          requestBody: {
            required: body.required,
            content: { [body.type]: { schema: body.schema } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer)]),
      ),
      ...Object.fromEntries(
        problemsOf(route).map((status) => [status, { $ref: '#/components/responses/Problem' }]),
      ),
    },
  }
}

function queryParameter(name: string, { description, ...schema }: Parameter): object {
  return { name, in: 'query', description, schema }
}

const text = (description: string) => ({ description, schema: { type: 'string' } })

const REQUEST_HEADERS: Readonly<Record<RequestHeader, JsonObject>> = {
  'If-Match': text('the ETag of what is to be changed, or *'),
  'If-None-Match': text('GET: the ETag that is known; PUT: * to create'),
  'Idempotency-Key': {
    ...text('repeating the request with the same key writes nothing twice'),
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
}

const ANSWER_HEADERS: Readonly<Record<AnswerHeader, JsonObject>> = {
  ETag: text('of the entity as it is shown'),
  Location: text('where it is'),
  Link: text('the next page, rel="next"'),
}

function answerOf({ description, type, schema, headers = [] }: AnswerSpec): object {
  return {
    description,
    ...(headers.length > 0
      ? {
          headers: Object.fromEntries(
            headers.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
          ),
        }
      : {}),
    ...(type ? { content: { [type]: { schema: schema ?? {} } } } : {}),
  }
}

const PROBLEM = {
  description: 'what is wrong and what to do',
  content: { 'application/problem+json': { schema: ref('Problem') } },
}

/** Of every operation: parameters, who, whether, how often, and what may break. */
const EVERY = [400, 401, 403, 422, 429, 500, 503]
const WITH_BODY = [408, 413, 415]

/** The statuses with which an operation may refuse, in order. */
export function problemsOf({ body, problems }: Route): readonly number[] {
  return [...new Set([...EVERY, ...(body ? WITH_BODY : []), ...problems])].sort((a, b) => a - b)
}
