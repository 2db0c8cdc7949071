// The authorisation matrix: every row of the table of routes for every principal, each allowed exactly as the table of rights says; for any world.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiHandle, ApiRooms } from '../../src/admin/handle.ts'
import type { Route } from '../../src/admin/route.ts'
import { routesOf } from '../../src/admin/routes/table.ts'
import { RIGHTS, type RightSpec } from '../../src/identity/rights.ts'
import {
  type Answered,
  AUDITOR,
  type Served,
  serveApi,
  WHO,
  type Who,
  type World,
} from './world.ts'

/** Whose entity a request is about. */
const OWNERS = ['shared', 'acme'] as const
type Owner = (typeof OWNERS)[number]

const EVERYBODY = [undefined, ...(Object.keys(WHO) as Who[])] as const

/** What the table says, worked out apart from the product: by roles, then by tenants. */
type Verdict = 'yes' | 'no' | 'unknown to it' | 'no credentials'

function verdictOf(route: Route, who: Who | undefined, owner: Owner): Verdict {
  if (who === undefined) return 'no credentials'
  const { roles, tenant } = WHO[who]
  const { right, reach, path, kind } = route
  if (right === undefined) return 'yes'
  const spec: RightSpec = RIGHTS[right]
  const holds = (roles as readonly string[]).some((role) => {
    if (role === 'overseer') return true
    if (role === 'auditor') return AUDITOR.includes(right)
    return (spec.roles as readonly string[]).includes(role)
  })
  if (!holds || (reach === 'gateway' && tenant !== undefined)) return 'no'
  // what is about an entity and is no entity is asked of the gateway as a whole
  if (!path.includes('{id}') || kind === undefined || who === 'overseer') return 'yes'
  // nobody reaches into a tenant that is not his own, unless a role says so
  return tenant === (owner === 'acme' ? 'acme' : undefined) ? 'yes' : 'unknown to it'
}

/** About a point that needs no server. */
export const QUESTION = {
  point: 'config_pre_reload',
  payload: { file: 'gateway.yaml', digest: 'sha256:00', changed: [], config: {} },
}

/** Rooms that count how often a handler came to them. */
function counted(api: ApiHandle): { readonly api: ApiHandle; reached(): number } {
  let reached = 0
  const count = <F extends (...args: never[]) => unknown>(call: F): F =>
    ((...args: never[]) => {
      reached++
      return call(...args)
    }) as F
  const { registry, audit } = api
  const rooms: Pick<
    ApiRooms,
    | 'registry'
    | 'explain'
    | 'reload'
    | 'reseal'
    | 'attest'
    | 'attested'
    | 'config'
    | 'status'
    | 'metrics'
  > = {
    registry: {
      get: count(registry.get.bind(registry)),
      list: count(registry.list.bind(registry)),
      write: count(registry.write.bind(registry)),
    },
    explain: count(api.explain),
    reload: count(api.reload),
    reseal: count(api.reseal),
    attest: count(api.attest),
    attested: count(api.attested),
    config: count(api.config),
    status: count(api.status),
    metrics: count(api.metrics),
  }
  const searched = audit && {
    search: count(audit.search.bind(audit)),
    export: count(audit.export.bind(audit)),
  }
  return { api: { ...api, ...rooms, audit: searched }, reached: () => reached }
}

/** `sharedReads`: principals of a tenant see entities of no tenant of these kinds. */
export function matrixSuite(
  name: string,
  makeWorld: () => Promise<World>,
  options: { readonly sharedReads?: readonly string[] } = {},
): void {
  describe(`the authorisation matrix of ${name}`, () => {
    let world: World
    let served: Served
    let reached: () => number
    beforeAll(async () => {
      world = await makeWorld()
      const rooms = counted(world.api)
      reached = rooms.reached
      served = await serveApi(rooms.api)
    })
    afterAll(async () => {
      await served[Symbol.asyncDispose]()
      await world.close()
    })

    const send = (route: Route, who: Who | undefined, owner: Owner): Promise<Answered> => {
      const { method, path, kind, query, body } = route
      const id = encodeURIComponent(world.ids[kind ?? 'server']?.[owner] ?? '')
      const dry = 'dryRun' in query ? '?dryRun=true' : ''
      const sent = body && JSON.stringify(bodyOf(route, world, owner))
      return served.ask({
        method,
        path: `/api/v1${path.replace('{id}', id)}${dry}`,
        headers: {
          ...(who === undefined ? {} : { authorization: world.token(who) }),
          ...(body ? { 'content-type': body.type } : {}),
        },
        ...(sent === undefined ? {} : { body: sent }),
      })
    }

    it('has every route, and no right that is none', () => {
      const routes = routesOf(world.api.kinds)
      expect(routes.length).toBeGreaterThan(60)
      for (const { right } of routes)
        if (right !== undefined) expect(RIGHTS).toHaveProperty([right])
    })

    it.each(EVERYBODY)('lets %s do what the table says, and nothing else', async (who) => {
      const wrong: string[] = []
      for (const route of routesOf(world.api.kinds)) {
        for (const owner of route.path.includes('{id}') ? OWNERS : (['shared'] as const)) {
          const shared = options.sharedReads?.includes(route.kind ?? '') && route.method === 'GET'
          const stated = verdictOf(route, who, owner)
          const verdict =
            stated === 'unknown to it' && shared && owner === 'shared' ? 'yes' : stated
          const before = [await world.digest(), reached()] as const
          const { status } = await send(route, who, owner)
          const untouched = before[0] === (await world.digest())
          const fits =
            verdict === 'yes'
              ? status < 300
              : verdict === 'unknown to it'
                ? status === 404 || status === 403
                : status === (verdict === 'no' ? 403 : 401) &&
                  // about entities the registry decides
                  (before[1] === reached() || (verdict === 'no' && route.kind !== undefined))
          if (!fits || !untouched)
            wrong.push(`${route.method} ${route.path} of ${owner}: ${verdict}, answered ${status}`)
        }
      }
      expect(wrong).toEqual([])
    })
  })
}

function bodyOf({ operation, kind, method }: Route, world: World, owner: Owner): object {
  if (operation === 'explain') return QUESTION
  if (kind === undefined || kind === 'change') return {}
  return world.sent(kind, method, owner)
}
