// Every operation of the OpenAPI document under requests that are valid, nearly valid and wild: no 5xx, no stack, nothing undocumented, nothing written by a refusal; for any world.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QUESTION } from './matrix-suite.ts'
import { anyJson, fitting, resolve } from './schema-arbitrary.ts'
import { type Answered, type Asked, type Served, serveApi, type Who, type World } from './world.ts'

interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly schema: object
  }[]
  readonly body: { readonly type: string; readonly schema: object } | undefined
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >
}

const RUNS = { seed: 20261128, endOnFailure: true }
const STACK = /\n\s+at |node:internal|\.ts:\d+|node_modules/

export function fuzzSuite(
  name: string,
  makeWorld: () => Promise<World>,
  { runs = 12 }: { readonly runs?: number } = {},
): void {
  describe(`every route of ${name}, fuzzed from its document`, () => {
    let world: World
    let served: Served
    let document: Readonly<Record<string, unknown>>
    let operations: Operation[]
    const validators = new Map<object, ValidateFunction>()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    beforeAll(async () => {
      world = await makeWorld()
      served = await serveApi(world.api)
      document = (await served.ask({ path: '/openapi.json' })).json
      operations = operationsOf(document)
    })
    afterAll(async () => {
      await served[Symbol.asyncDispose]()
      await world.close()
    })

    /** Why the answer is not one that the document promises; undefined: it is. */
    function fault({ responses }: Operation, answer: Answered): string | undefined {
      const { status, text, headers, json } = answer
      if (status >= 500) return `a ${status}: ${text}`
      if (STACK.test(text)) return `a stack: ${text}`
      const documented = responses[status]
      if (!documented) return `the status ${status} is not documented: ${text}`
      const { content } = documented
      const type = headers['content-type']?.split(';')[0]
      if (content === undefined) return text === '' ? undefined : 'a body where none is documented'
      const schema = type === undefined ? undefined : content[type]?.schema
      if (!schema) return `the media type ${type} is not documented for ${status}`
      if (json === undefined) return undefined
      let check = validators.get(schema)
      if (!check) {
        check = ajv.compile({ ...schema, components: document.components })
        validators.set(schema, check)
      }
      return check(json) ? undefined : `the body of ${status}: ${ajv.errorsText(check.errors)}`
    }

    it('keeps what the document says', { timeout: 120_000 }, async () => {
      expect(operations.length).toBeGreaterThan(60)
      const reached = new Map<string, Set<number>>()
      for (const operation of operations) {
        await world.restore()
        const statuses = new Set<number>()
        reached.set(`${operation.method} ${operation.path}`, statuses)
        const property = fc.asyncProperty(requestOf(operation, document, world), async (asked) => {
          const before = await world.digest()
          const answer = await served.ask(asked)
          statuses.add(answer.status)
          const wrong =
            fault(operation, answer) ??
            (answer.status >= 400 && before !== (await world.digest())
              ? `a ${answer.status} that wrote something`
              : undefined)
          if (wrong !== undefined)
            throw new Error(`${asked.method} ${asked.path} ${asked.body ?? ''}: ${wrong}`)
        })
        await fc.assert(property, { ...RUNS, numRuns: runs })
      }
      // a fuzz test that only ever knocks at the door tests the door
      const never = [...reached].filter(
        ([, statuses]) => ![...statuses].some((status) => status < 300),
      )
      expect(never.map(([operation]) => operation)).toEqual([])
    })

    it('answers methods and paths that it does not have', { timeout: 60_000 }, async () => {
      const methods = fc.constantFrom(
        'GET',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'HEAD',
        'OPTIONS',
        'TRACE',
        'QUERY',
      )
      const segment = fc.oneof(fc.constantFrom('servers', '..', '.', '', '%2e%2e', '%00', '%', 'changes', 'x', 'approve', '__proto__', 'constructor'), fc.stringMatching(/^[!-~]{0,8}$/).map((text) => text.replaceAll(/[#?]/g, ''))) // biome-ignore format: lists of words
      const property = fc.asyncProperty(methods, fc.array(segment, { maxLength: 4 }), async (method, segments) => {
        const before = await world.digest()
        const path = `/api/v1/${segments.join('/')}`
        const answer = await served.ask({ method, path, headers: { authorization: world.token('admin') } })
        expect(answer.status).toBeLessThan(500)
        expect(answer.text).not.toMatch(STACK)
        if (answer.status < 400) return
        expect(answer.headers['content-type']).toBe('application/problem+json')
        if (answer.status === 405) expect(answer.headers.allow).toContain('OPTIONS')
        expect(await world.digest()).toBe(before)
      }) // biome-ignore format: one step after the other
      await fc.assert(property, { ...RUNS, numRuns: 400 })
    })
  })
}

// biome-ignore lint/suspicious/noExplicitAny: a document of ours, validated next door
function operationsOf(document: any): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    // biome-ignore lint/suspicious/noExplicitAny: as above
    Object.entries(methods as Record<string, any>).map(([method, operation]): Operation => {
      const [body] = Object.entries(operation.requestBody?.content ?? {}) as [
        string,
        { schema: object },
      ][]
      return {
        method: method.toUpperCase(),
        path,
        parameters: operation.parameters,
        body: body && { type: body[0], schema: body[1].schema },
        responses: Object.fromEntries(
          // biome-ignore lint/suspicious/noExplicitAny: as above
          Object.entries(operation.responses as Record<string, any>).map(([status, response]) => [
            status,
            resolve(document, response),
          ]),
        ),
      }
    }),
  )
}

/** Header values and query values that Node's client can send. */
const junk = fc.oneof(
  fc.stringMatching(/^[ -~]{0,20}$/),
  fc.constantFrom('*', '"1"', 'W/"1"', '"1-AAAAAAAAAAAAAAAA", "x"', '0', '-1', '1e9', 'null', 'x'.repeat(3000)),
) // biome-ignore format: a list of words

const seldom = <T>(arbitrary: fc.Arbitrary<T>, weight = 12): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const people: fc.Arbitrary<Who | 'wrong' | undefined> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('admin' as const, 'overseer' as const) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'operator',
      'viewer',
      'author',
      'acme-admin',
      'nobody',
      'wrong',
      undefined,
    ),
  },
)

function requestOf(operation: Operation, document: unknown, world: World): fc.Arbitrary<Asked> {
  const { method, path, parameters, body } = operation
  const collection = path.split('/')[3] ?? ''
  const known = Object.entries(world.ids)
    .filter(([kind]) => collection.startsWith(kind.replaceAll('_', '-').replace(/y$/, '')))
    .flatMap(([, { shared, acme }]) => [shared, acme])
  const id = fc.oneof(
    { weight: 3, arbitrary: known.length > 0 ? fc.constantFrom(...known) : fc.constant('x') },
    { weight: 1, arbitrary: fc.string({ maxLength: 20, unit: 'grapheme' }) },
  )
  const inQuery = parameters.filter((parameter) => parameter.in === 'query')
  const inHeader = parameters.filter((parameter) => parameter.in === 'header')
  const query = fc.record(
    Object.fromEntries(
      inQuery.map(({ name, schema }) => [
        name,
        fc.oneof(
          { weight: 4, arbitrary: fitting(document, schema).map(String) },
          { weight: 1, arbitrary: junk },
        ),
      ]),
    ),
    { requiredKeys: [] },
  )
  const headers = fc
    .record(Object.fromEntries(inHeader.map(({ name }) => [name.toLowerCase(), seldom(junk, 3)])))
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, text]) => text !== undefined)))
  const sent = body
    ? fc.oneof(
        { weight: 4, arbitrary: fitting(document, body.schema).map((value) => JSON.stringify(value)) },
        { weight: 6, arbitrary: fc.constant(goodBody(path, method, world)) },
        { weight: 1, arbitrary: anyJson.map((value) => JSON.stringify(value) ?? '') },
        { weight: 1, arbitrary: fc.constantFrom('', '{', '[]', '{"body":{},"body":{}}', '{"body":{"a":1e999}}', '{"body":{"a":90071992547409931}}', '"', '\ufeff{}', '['.repeat(100)) },
      )
    : seldom(fc.constantFrom('{}', 'x')) // biome-ignore format: one choice per line
  const type = fc.oneof(
    { weight: 6, arbitrary: fc.constant(body?.type ?? 'application/json') },
    { weight: 1, arbitrary: fc.constantFrom('text/plain', '', 'application/json; charset=utf-16') },
  )
  return fc
    .record({ id, query, headers, sent, type, who: people, extra: seldom(junk) })
    .map(({ id, query, headers, sent, type, who, extra }) => {
      const search = new URLSearchParams(query as Record<string, string>)
      if (extra !== undefined) search.set('extra', extra)
      const text = search.size > 0 ? `?${search}` : ''
      const token = who === 'wrong' ? 'Bearer wrong' : who && world.token(who)
      return {
        method,
        path: `${path.replace('{id}', encodeURIComponent(id.toWellFormed()))}${text}`,
        headers: { ...(headers as Record<string, string>), 'content-type': type, ...(token ? { authorization: token } : {}) },
        ...(sent === undefined ? {} : { body: sent }),
      }
    }) // biome-ignore format: one step after the other
}

/** A body that should be taken, so that every operation gets beyond its checks now and then. */
function goodBody(path: string, method: string, world: World): string {
  if (path.endsWith('/explain')) return JSON.stringify(QUESTION)
  if (path.endsWith('/attest')) return JSON.stringify({ accept_new_hardware: true })
  const collection = path.split('/')[3] ?? ''
  const kind = Object.keys(world.ids).find((name) =>
    collection.startsWith(name.replaceAll('_', '-').replace(/y$/, '')),
  )
  if (kind === undefined || kind === 'change') return '{}'
  return JSON.stringify(world.sent(kind, method, 'shared'))
}
