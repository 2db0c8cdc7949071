// The routes of every kind of entities, made from the kinds: its list and one of them; the routes that write are next door.
import type { EntityKind } from '../handle.ts'
import { MOST_ITEMS, openCursor, PAGE_PARAMETERS, pageAnswer, scopeOf } from '../page.ts'
import type { Call, Parameter, Route } from '../route.ts'
import { etagOf, shownOf } from './answers.ts'
import { writeRoutes } from './entity-writes.ts'
import { namesOf } from './names.ts'
import { entityShape, pageShape, ref } from './shapes.ts'

/** Components of the document: of each kind the entity and its body. */
export function entitySchemas(kinds: readonly EntityKind[]) {
  return Object.fromEntries(
    kinds.flatMap(({ kind, schema, about }) => {
      const { one } = namesOf(kind)
      return [
        [one, { ...entityShape(kind, shownBody(one)), description: about }],
        [`${one}Body`, schema],
      ]
    }),
  )
}

// what is masked does not have to fit what may be sent
const shownBody = (one: string) => ({
  type: 'object',
  description: `as in ${one}Body; secrets are masked`,
})

const TENANT: Parameter = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  description: 'only what belongs to this tenant',
}

export function entityRoutes(spec: EntityKind): Route[] {
  return [list(spec), get(spec), ...writeRoutes(spec)]
}

const reading = (kind: EntityKind['kind']) =>
  ({
    method: 'GET',
    kind,
    reach: 'tenant',
    right: `api:${kind}.read`,
    headers: [],
    problems: [],
  }) as const

function list({ kind, filters }: EntityKind): Route {
  const { path, one, many } = namesOf(kind)
  const where: Record<string, Parameter> = {}
  for (const name of filters)
    where[name] = { type: 'string', maxLength: 512, description: `only those with this ${name}` }
  const description = `a page of entities of kind ${kind}, ordered by id`
  return {
    ...reading(kind),
    path,
    operation: `list${many}`,
    about: `List entities of kind ${kind}.`,
    query: { ...PAGE_PARAMETERS, tenant: TENANT, ...where },
    answers: {
      200: {
        description,
        type: 'application/json',
        schema: pageShape(ref(one)),
        headers: ['Link'],
      },
    },
    async handle(call, { registry }) {
      const { query, cursors, principal, requestId } = call
      const scope = scopeOf(path, call)
      const page = await registry.list(
        {
          kind,
          tenant: query.tenant as string | undefined,
          after: openCursor(cursors, scope, query.cursor),
          limit: Math.min(Number(query.limit ?? 50), MOST_ITEMS),
          where: whereOf(call, filters),
        },
        principal,
        requestId,
      )
      return pageAnswer(call, path, scope, { items: page.items.map(shownOf), next: page.next })
    },
  }
}

function whereOf({ query }: Call, filters: readonly string[]): Record<string, string> {
  const given = filters.filter((name) => query[name] !== undefined)
  return Object.fromEntries(given.map((name) => [name, String(query[name])]))
}

function get({ kind }: EntityKind): Route {
  const { path, one } = namesOf(kind)
  return {
    ...reading(kind),
    path: `${path}/{id}`,
    operation: `get${one}`,
    about: `See one entity of kind ${kind}.`,
    query: {},
    headers: ['If-None-Match'],
    answers: {
      200: {
        description: 'the entity',
        type: 'application/json',
        schema: ref(one),
        headers: ['ETag'],
      },
      304: { description: 'it is as If-None-Match says', headers: ['ETag'] },
    },
    problems: [404],
    async handle({ id, principal, requestId }, { registry }) {
      const entity = await registry.get(kind, id, principal, requestId)
      return { status: 200, body: shownOf(entity), headers: { etag: etagOf(entity) } }
    },
  }
}
