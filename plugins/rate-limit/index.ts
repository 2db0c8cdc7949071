// Limits how often one key - a principal, a tool, a server … - may call; it remembers one number per key, bounded by the host.
import { createHash } from 'node:crypto'
import { definePlugin, deny, type Hooks, type PluginContext } from 'portcullis/plugin'
import { createRate, decide } from './gcra.ts'

type Part =
  | 'principal'
  | 'tenant'
  | 'client'
  | 'session'
  | 'server'
  | 'target'
  | 'method'
  | 'address'

interface Config {
  readonly limit: number
  readonly per: string
  readonly burst?: number
  readonly by: readonly Part[]
  readonly reason: string
}

interface Addressed {
  readonly name?: string
  readonly uri?: string
  readonly server?: string
  readonly client?: { readonly address?: string }
}

export default definePlugin<Config>({
  id: 'rate-limit',
  setup({ limit, per, burst = limit, by, reason }, host) {
    const points = host.points.filter((point) => isKnown(point, by))
    if (points.length === 0)
      throw new TypeError(`nothing in by (${by.join(', ')}) is known at ${host.points.join(', ')}`)
    const rate = createRate(limit, milliseconds(per), burst)
    const check = (group: string) => (payload: Addressed, context: PluginContext) => {
      const key = keyOf(group, by, payload, context)
      const now = host.clock.now()
      const decision = decide(rate, host.storage.get(key) as number | undefined, now)
      if (decision.allowed) {
        // no lifetime: a number that has passed decides like none, and the host forgets the keys that are not used
        host.storage.set(key, decision.next)
        return undefined
      }
      host.metrics.count('limited')
      const seconds = Math.max(1, Math.ceil(decision.wait / 1000))
      return deny({
        code: 'RATE_LIMITED',
        reason,
        httpStatus: 429,
        httpHeaders: { 'Retry-After': String(seconds) },
      })
    }
    return {
      hooks: Object.fromEntries(points.map((point) => [point, check(groupOf(point))])) as Hooks,
    }
  },
})

const PARTS: Readonly<
  Record<Part, (payload: Addressed, context: PluginContext) => string | undefined>
> = {
  // one id in two tenants is two principals, and neither uses up what the other has
  principal: (_payload, { principal: { kind, id, tenant } }) =>
    tenant === undefined ? `${kind}:${id}` : `${kind}:${id} of ${tenant}`,
  tenant: (_payload, { principal }) => principal.tenant,
  client: (_payload, { client }) => client?.name,
  session: (_payload, { session }) => session,
  server: (payload, { server }) => server?.name ?? payload.server,
  target: (payload) => payload.name ?? payload.uri,
  method: (_payload, { method }) => method,
  address: (payload) => payload.client?.address,
}

const MAX_KEY = 400

// the length before each part: no separator that a name could contain, and no key that is longer than the host keeps
function keyOf(
  group: string,
  by: readonly Part[],
  payload: Addressed,
  context: PluginContext,
): string {
  let key = group
  for (const name of by) {
    const part = PARTS[name](payload, context)
    key += part === undefined ? ',-' : `,${part.length}:${part}`
  }
  return key.length <= MAX_KEY ? key : createHash('sha256').update(key).digest('base64')
}

const OF_THE_CALLER: readonly Part[] = ['principal', 'tenant', 'session', 'client', 'method']
const OPERATIONS = ['tool_pre_invoke', 'prompt_pre_fetch', 'resource_pre_fetch']

// a key that is the same for everybody would let one caller use up everybody's limit
function isKnown(point: string, by: readonly Part[]): boolean {
  return by.every((part) => {
    if (part === 'address') return point === 'http_pre_request'
    if (part === 'server' || part === 'target') return OPERATIONS.includes(point)
    return point !== 'http_pre_request' || !OF_THE_CALLER.includes(part)
  })
}

// one tool call passes http, session and tool points: each kind is counted apart, the operations together
function groupOf(point: string): string {
  return OPERATIONS.includes(point) ? 'operation' : point
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

function milliseconds(duration: string): number {
  const [, count, unit] = /^([0-9.]+)(ms|s|m|h|d)$/.exec(duration) ?? []
  const value = Number(count) * (UNITS[unit ?? ''] ?? Number.NaN)
  if (!(value > 0))
    throw Object.assign(new TypeError(`per: ${duration} is no period`), { path: ['per'] })
  return value
}
