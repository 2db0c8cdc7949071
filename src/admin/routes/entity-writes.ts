// The routes that write entities of a kind: create, replace, merge, remove; what may be written is the registry's matter.
import type { JsonObject } from '../../base/json.ts'
import type { EntityKind } from '../handle.ts'
import { ID_SCHEMA } from '../request/parameters.ts'
import type { AnswerSpec, Call, Parameter, Route } from '../route.ts'
import { answerOf } from './answers.ts'
import { namesOf } from './names.ts'
import { closedShape, ref } from './shapes.ts'
import { contextOf, expected, written as write } from './writing.ts'

export function writeRoutes(spec: EntityKind): Route[] {
  const makers = { create, replace, merge, remove }
  return spec.writes.map((write) => makers[write](spec))
}

const DRY_RUN: Readonly<Record<string, Parameter>> = {
  dryRun: {
    type: 'boolean',
    default: false,
    description: 'run every check and policy, write nothing',
  },
}

const part = (kind: EntityKind['kind']) => {
  const { path, one } = namesOf(kind)
  const right = `api:${kind}.write` as const
  return {
    path,
    one,
    item: `${path}/{id}`,
    writing: { kind, reach: 'tenant' as const, query: DRY_RUN, right },
  }
}

const found = (one: string, description: string) =>
  ({ description, type: 'application/json', schema: ref(one) }) as const

const written = (one: string): Readonly<Record<number, AnswerSpec>> => ({
  200: { ...found(one, 'as it is now, or after a dry run would be'), headers: ['ETag'] },
  202: { ...found('Change', 'waits for the approval of somebody else'), headers: ['Location'] },
})

const created = (one: string): Readonly<Record<number, AnswerSpec>> => ({
  ...written(one),
  201: { ...found(one, 'created'), headers: ['ETag', 'Location'] },
})

// the inside of an entity is checked once, by the registry, before and after its policies
const ANY = { type: 'object' }
const ID = { ...ID_SCHEMA, description: 'made from the body, or at random, when absent' }
const OWNER = { type: 'string', minLength: 1, maxLength: 128, description: 'whose it is' }

function create({ kind }: EntityKind): Route {
  const { path, one, writing } = part(kind)
  const shape = (body: JsonObject) => closedShape({ id: ID, tenant: OWNER, body }, ['body'])
  return {
    ...writing,
    // whose a principal is, is said by somebody of no tenant
    reach: kind === 'principal' ? 'gateway' : 'tenant',
    method: 'POST',
    path,
    operation: `create${one}`,
    about: `Create an entity of kind ${kind}.`,
    headers: ['Idempotency-Key'],
    body: {
      type: 'application/json',
      schema: shape(ref(`${one}Body`)),
      check: shape(ANY),
      required: true,
    },
    answers: created(one),
    problems: [409],
    async handle(call, { registry }) {
      const { id, tenant, body = {} } = (call.body ?? {}) as CreateBody
      const request = {
        op: 'create',
        kind,
        body,
        ...(id === undefined ? {} : { id }),
        ...(tenant === undefined ? {} : { tenant }),
      } as const
      return answerOf(call, await write(call, registry.write(request, contextOf(call))), 201)
    },
  }
}

interface CreateBody {
  readonly id?: string
  readonly tenant?: string
  readonly body?: Readonly<Record<string, never>>
}

const bodyOf = (call: Call) =>
  (call.body as { readonly body: Readonly<Record<string, never>> }).body

function replace({ kind, writes }: EntityKind): Route {
  const { item, one, writing } = part(kind)
  const shape = (body: JsonObject) => closedShape({ body }, ['body'])
  const creates = writes.includes('create')
  return {
    ...writing,
    method: 'PUT',
    path: item,
    operation: `replace${one}`,
    about: `Replace the body of an entity of kind ${kind}${creates ? '; with If-None-Match: * create it' : ''}.`,
    headers: ['If-Match', 'If-None-Match'],
    body: {
      type: 'application/json',
      schema: shape(ref(`${one}Body`)),
      check: shape(ANY),
      required: true,
    },
    answers: creates ? created(one) : written(one),
    problems: [404, 409, 412],
    async handle(call, rooms) {
      const body = bodyOf(call)
      const { id, principal, requestId } = call
      const isNew = creates && call.ifNoneMatch === '*'
      const context = isNew
        ? contextOf(call)
        : await expected(call, () => rooms.registry.get(kind, id, principal, requestId))
      const request = isNew
        ? ({ op: 'create', kind, id, body } as const)
        : ({ op: 'replace', kind, id, body } as const)
      return answerOf(
        call,
        await write(call, rooms.registry.write(request, context)),
        isNew ? 201 : 200,
      )
    },
  }
}

function merge({ kind }: EntityKind): Route {
  const { item, one, writing } = part(kind)
  const shape = closedShape({ body: ANY }, ['body'])
  return {
    ...writing,
    method: 'PATCH',
    path: item,
    operation: `merge${one}`,
    about: `Change members of the body of an entity of kind ${kind} (RFC 7396); null removes one.`,
    headers: ['If-Match'],
    body: { type: 'application/merge-patch+json', schema: shape, check: shape, required: true },
    answers: written(one),
    problems: [404, 409, 412],
    async handle(call, { registry }) {
      const { id, principal, requestId } = call
      const context = await expected(call, () => registry.get(kind, id, principal, requestId))
      const request = { op: 'merge', kind, id, patch: bodyOf(call) } as const
      return answerOf(call, await write(call, registry.write(request, context)), 200)
    },
  }
}

function remove({ kind }: EntityKind): Route {
  const { item, one, writing } = part(kind)
  return {
    ...writing,
    method: 'DELETE',
    path: item,
    operation: `remove${one}`,
    about: `Remove an entity of kind ${kind}.`,
    headers: ['If-Match'],
    answers: {
      ...written(one),
      200: { ...found(one, 'a dry run: what would be removed'), headers: ['ETag'] },
      204: { description: 'removed' },
    },
    problems: [404, 409, 412],
    async handle(call, { registry }) {
      const { id, principal, requestId } = call
      const context = await expected(call, () => registry.get(kind, id, principal, requestId))
      const writing = registry.write({ op: 'remove', kind, id }, context)
      return answerOf(call, await write(call, writing), 204)
    },
  }
}
