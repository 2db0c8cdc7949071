// The rows of the coverage matrix of the admin API, carried out: every route of its table, on its listener and in Express, each way it can end.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Route } from '../../../src/admin/route.ts'
import type { PointName } from '../../../src/points/table.ts'
import {
  type AdminWorld,
  askAs,
  DOORS,
  type Door,
  sendCell,
  startAdminWorld,
} from './admin-drive.ts'
import { ADMIN_ROUTES, adminCell, VARIANTS, type Variant, variantsOf } from './admin-rules.ts'
import { COUNTED, countOf } from './expected.ts'

let world: AdminWorld
beforeAll(async () => {
  world = await startAdminWorld()
})
afterAll(() => world?.[Symbol.asyncDispose]())

/** What tells that the request ended as the row says. */
const STATUS: Readonly<Record<Variant, (route: Route) => readonly number[]>> = {
  allowed: ({ method }) => (method === 'DELETE' ? [204] : [200, 201]),
  created: () => [201],
  repeated: () => [200, 201],
  dry: () => [200],
  waits: () => [202],
  vetoed: ({ operation }) => [operation === 'reload' ? 200 : 403],
  'auth-vetoed': () => [403],
  denied: () => [403],
  own: () => [403],
  anonymous: () => [401],
  unknown: () => [404],
  exists: () => [409],
  conflict: () => [412],
  invalid: () => [422],
  malformed: () => [400],
}

const tally = (fired: readonly PointName[]) => {
  const counts: Record<string, number> = {}
  for (const point of fired) counts[point] = (counts[point] ?? 0) + 1
  return counts
}

/** What is not as it is stated; nothing where all is. */
async function wrongIn(route: Route, variant: Variant, door: Door): Promise<string | undefined> {
  const prepared = await world.prepare(route, variant)
  const { replica } = prepared
  const statuses = await sendCell(route, variant, door, prepared)
  await replica.settled()
  const { chain, audit } = replica.fired
  const cell = adminCell(route, variant)
  const stated = Object.fromEntries(
    COUNTED.filter((point) => countOf(cell, point) > 0).map((point) => [
      point,
      countOf(cell, point),
    ]),
  )
  const found = { statuses, chain: tally(chain), audit: tally(audit) }
  const isSame = (counts: object) =>
    JSON.stringify(sorted(counts)) === JSON.stringify(sorted(stated))
  const ends = statuses.every((status) => STATUS[variant](route).includes(status))
  if (ends && isSame(found.chain) && isSame(found.audit)) return undefined
  return `${route.method} ${route.path}: ${JSON.stringify({ stated, ...found })}`
}

const sorted = (counts: object) => Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))

describe.each(DOORS)('the admin API by %s', (door) => {
  it.each(Object.keys(VARIANTS) as Variant[])(
    'fires what the tables say, for every route: %s',
    async (variant) => {
      const wrong: string[] = []
      for (const route of ADMIN_ROUTES) {
        if (!variantsOf(route).includes(variant)) continue
        const found = await wrongIn(route, variant, door)
        if (found) wrong.push(found)
      }
      await world.clear()
      expect(wrong).toEqual([])
    },
  )
})

it.each([
  ['GET', '/servers', 'api:server.read', undefined],
  ['GET', '/servers/files', 'api:server.read', 'files'],
  ['DELETE', '/servers/files', 'api:server.write', 'files'],
  ['POST', '/reload', 'api:config.reload', undefined],
])('what the rules refuse is in the audit, once: %s %s', async (method, path, action, target) => {
  const refused = await askAs('nobody', world.free, method, path)
  expect(refused.status).toBe(403)
  const query = `/audit?kind=decision&requestId=${refused.headers['x-request-id']}`
  const found = async () => (await askAs('root', world.free, 'GET', query)).json.items
  // the sink writes in bursts
  for (const end = performance.now() + 4000; (await found()).length === 0; )
    if (performance.now() > end) throw new Error('nothing of it is in the audit')
  const [record, ...more] = await found()
  expect(record).toMatchObject({ code: 'AUTH_DENIED', action, principal: { id: 'nobody' } })
  expect([record.target, more]).toEqual([target, []])
})

it('every route of the table has its rows', () => {
  expect(ADMIN_ROUTES.length).toBeGreaterThan(90)
  for (const route of ADMIN_ROUTES) expect(variantsOf(route)).toContain('allowed')
})
