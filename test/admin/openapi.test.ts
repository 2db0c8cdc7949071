// The OpenAPI document: valid by its own standard, whole in its references, and of the same routes that are served.
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterEach, describe, expect, it } from 'vitest'
import { createRouter } from '../../src/admin/router.ts'
import { routesOf } from '../../src/admin/routes/table.ts'
import { clients } from './client.ts'
import { MEMORY_KINDS } from './memory-world.ts'
import { resolve } from './schema-arbitrary.ts'

const { start, close } = clients()
afterEach(close)

describe('the OpenAPI document', () => {
  it('is served without credentials and is valid OpenAPI 3.1', async () => {
    const { served } = await start()
    const { json, status } = await served.ask({ path: '/openapi.json' })
    expect([status, json.openapi]).toEqual([200, '3.1.1'])
    const { valid, errors } = await new Validator().validate(structuredClone(json))
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
  })

  it('has no reference that leads nowhere and no operation twice', async () => {
    const { served } = await start()
    const { json } = await served.ask({ path: '/openapi.json' })
    const refs = [...JSON.stringify(json).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref)
    expect(refs.length).toBeGreaterThan(100)
    for (const ref of new Set(refs)) expect(resolve(json, { $ref: ref })).toBeTypeOf('object')
    // biome-ignore lint/suspicious/noExplicitAny: read right away
    const operations = Object.values(json.paths).flatMap((path: any) => Object.values(path))
    // biome-ignore lint/suspicious/noExplicitAny: read right away
    const names = operations.map(({ operationId }: any) => operationId)
    expect(new Set(names).size).toBe(names.length)
  })

  it('names what there is and nothing of what is not built', () => {
    const paths = [...new Set(routesOf(MEMORY_KINDS).map(({ path }) => path))]
    expect(paths.filter((path) => !path.includes('{id}'))).toEqual([
      '/me',
      '/rights',
      '/points',
      '/status',
      '/metrics',
      '/config',
      '/reload',
      '/secrets/reseal',
      '/explain',
      '/servers',
      '/virtual-servers',
      '/tools',
      '/prompts',
      '/resources',
      '/policies',
      '/plugins',
      '/principals',
      '/roles',
      '/grants',
      '/keys',
      '/clients',
      '/peers',
      '/webhooks',
      '/changes',
      '/audit',
      '/audit/export',
    ])
  })
})

describe('the router', () => {
  it('refuses a table with the same route twice', () => {
    const [route] = routesOf(MEMORY_KINDS)
    expect(() => createRouter(route ? [route, route] : [])).toThrow('two routes for GET /me')
  })
})
