// A world of the admin API over a registry in memory: roles of the table of rights, tokens that are names.
import { createHmac } from 'node:crypto'
import type { ApiHandle, AuditRecords, EntityKind } from '../../src/admin/handle.ts'
import { readStrictJson } from '../../src/app/admin/strict-json.ts'
import { listPoints } from '../../src/app/inspect/point-list.ts'
import type { AuditQuery } from '../../src/audit/reader.ts'
import { AppError } from '../../src/base/errors.ts'
import { ANONYMOUS, type Principal } from '../../src/engine/context.ts'
import { createSigner } from '../../src/gateway/signed.ts'
import type { Authenticator, Decision, Target } from '../../src/identity/access.ts'
import { KINDS, RIGHTS, type RightSpec } from '../../src/identity/rights.ts'
import { createFakeClock, type FakeClock } from '../base/fake-clock.ts'
import { memoryLog } from '../gateway/running.ts'
import { ATTESTATION } from './attestation.ts'
import { createMemoryRegistry, type MemoryRegistry } from './memory-registry.ts'
import { AUDITOR, WHO, type Who, type World } from './world.ts'

export const MEMORY_KINDS: readonly EntityKind[] = KINDS.map((kind) => ({
  kind,
  about: `an entity of kind ${kind}`,
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 64 },
      note: { type: 'string', maxLength: 64 },
      state: { enum: ['pending', 'approved', 'refused'] },
      reason: { type: 'string' },
      size: { type: 'integer', minimum: 0, maximum: 9 },
      tags: { type: 'array', items: { type: 'string' }, maxItems: 4 },
    },
  },
  filters: ['note'],
  writes: kind === 'change' ? ['remove'] : ['create', 'replace', 'merge', 'remove'],
}))

const principals: Readonly<Record<string, Principal>> = Object.fromEntries(
  Object.entries(WHO).map(([id, { roles, tenant }]) => [
    id,
    { ...ANONYMOUS, id, kind: 'user', roles, tenant },
  ]),
)

/** `Bearer NAME`. */
export const namedAuthenticator: Authenticator = {
  authenticate({ authorization, queryToken }) {
    if (queryToken)
      throw new AppError('AUTH_INVALID', 'a token in the query is none', {
        data: { error: 'invalid_request' },
      })
    if (authorization === undefined) throw new AppError('AUTH_REQUIRED', 'no credentials')
    const found = principals[authorization.replace(/^Bearer /, '')]
    if (found) return found
    throw new AppError('AUTH_INVALID', 'no such key', { data: { error: 'invalid_token' } })
  },
}

/** By the table of rights; nobody reaches into a tenant that is not his own, but for the overseer. */
export function decideByTable(principal: Principal, right: string, target: Target): Decision {
  const spec: RightSpec | undefined = (RIGHTS as Readonly<Record<string, RightSpec>>)[right]
  if (principal.roles.includes('overseer')) return { allowed: true }
  const holds = principal.roles.some((role) =>
    role === 'auditor' ? AUDITOR.includes(right) : spec?.roles.includes(role as never),
  )
  if (!holds) return { allowed: false, reason: 'no role has it', scopes: [right] }
  if (target.tenant !== principal.tenant)
    return { allowed: false, reason: 'it is of another tenant' }
  return { allowed: true }
}

export interface MemoryWorld extends World {
  readonly registry: MemoryRegistry
  readonly log: ReturnType<typeof memoryLog>
  readonly clock: FakeClock
}

/** 450 records, one a second from the first of November on, every third a veto, every ninth of the tenant acme. */
export function memoryAudit(): AuditRecords {
  const start = Date.UTC(2026, 10, 1)
  const records = Array.from({ length: 450 }, (_, at) => ({
    time: new Date(start + at * 1000).toISOString(),
    kind: at % 3 === 0 ? 'veto' : 'execution',
  }))
  const found = ({ from = 0, to = Number.POSITIVE_INFINITY, kind, tenant }: AuditQuery) =>
    records.filter(({ time, kind: is }, place) => {
      if (tenant !== undefined && (tenant !== 'acme' || place % 9 !== 0)) return false
      const at = Date.parse(time)
      return at >= from && at < to && (kind === undefined || kind === is)
    })
  return {
    async search({ limit, cursor = '0', ...query }) {
      const page = found(query).toReversed().slice(Number(cursor))
      const next = page.length > limit ? String(Number(cursor) + limit) : undefined
      return { records: page.slice(0, limit), next }
    },
    async *export(query) {
      yield* found(query)
    },
  }
}

export function createMemoryWorld(more: Partial<ApiHandle> = {}): MemoryWorld {
  const clock = createFakeClock()
  const log = memoryLog()
  let ids = 0
  const registry = createMemoryRegistry({
    kinds: MEMORY_KINDS,
    decide: decideByTable,
    judge: (_kind, { note }) =>
      note === 'forbidden' ? 'veto' : note === 'later' ? 'pending' : undefined,
  })
  const seeds = Object.fromEntries(
    KINDS.map((kind) => [kind, { shared: `${kind}-shared`, acme: `${kind}/acme` }]),
  )
  const restore = (): void => {
    for (const [kind, { shared, acme }] of Object.entries(seeds)) {
      const state = kind === 'change' ? { state: 'pending' } : {}
      const seed = { kind, source: 'dynamic' } as const
      registry.seed({ ...seed, id: shared, tenant: undefined, body: { name: shared, ...state } })
      registry.seed({ ...seed, id: acme, tenant: 'acme', body: { name: acme, ...state } })
    }
  }
  restore()
  const api: ApiHandle = {
    registry,
    rights: RIGHTS,
    rightsOf: (principal) =>
      Object.keys(RIGHTS).filter(
        (right) =>
          decideByTable(principal, right, { kind: 'gateway', tenant: principal.tenant }).allowed,
      ),
    explain: async ({ point }) => ({
      point,
      payload: {},
      steps: [],
      missing: [],
      outcome: { kind: 'pass' },
    }),
    reload: async ({ dryRun }) => ({ outcome: dryRun ? 'dry_run' : 'unchanged', changed: [] }),
    ...ATTESTATION,
    reseal: async () => ({ outcome: 'done', entities: 0 }),
    config: () => ({ digest: 'sha256:00', generation: 1, config: { version: 1 } }),
    status: () => ({ ready: true, reasons: [] }),
    points: () => listPoints(),
    metrics: () => 'portcullis_sessions 0\n',
    audit: memoryAudit(),
    authenticator: namedAuthenticator,
    authorise: ({ principal, right, target }) => decideByTable(principal, right, target),
    kinds: MEMORY_KINDS,
    version: '0.1.0',
    clock,
    log,
    createId: () => `request-${++ids}`,
    cursors: createSigner(createHmac('sha256', 'a').digest()),
    readJson: readStrictJson,
    rate: { principal: 1_000_000, address: 1_000_000 },
    bodyTimeout: 5000,
    ...more,
  }
  return {
    api,
    registry,
    log,
    clock,
    token: (who: Who) => `Bearer ${who}`,
    ids: seeds,
    restore,
    sent: (kind, method) => ({ body: method === 'PATCH' ? {} : { name: `new-${kind}` } }),
    digest: () => registry.digest(),
    close: async () => {},
  }
}
