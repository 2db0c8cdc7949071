// The admin API over the rooms of a running gateway: what its routes need is gathered here, what is loaded only for it is loaded here.
import type { ApiHandle, Ask, AuditRecords, CursorSigner, Refusal } from '../../admin/handle.ts'
import type { AdminMiddleware, Readiness } from '../../admin/server.ts'
import type { Audit } from '../../audit/audit.ts'
import type { AuditEvent } from '../../audit/record.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import { shownConfig } from '../../config/print.ts'
import { ANONYMOUS, type Principal } from '../../engine/context.ts'
import { createEngine } from '../../engine/engine.ts'
import { conditionCompiler, createExpression } from '../../expression/expression.ts'
import type { Authenticator, Authorizer } from '../../identity/access.ts'
import { RIGHTS, type Right } from '../../identity/rights.ts'
import { POINTS, type Points } from '../../points/table.ts'
import type { RegistryDeps } from '../../registry/parts.ts'
import type { Registry, Resealer } from '../../registry/registry.ts'
import type { Attestation } from '../attestation/attestation.ts'
import { type Assembly, engineLimits } from '../generation/assemble.ts'
import type { ReloadResult } from '../generation/reload.ts'
import { type Explained, explain, type Question } from '../inspect/explain.ts'
import { listPoints } from '../inspect/point-list.ts'
import { SELF } from '../self.ts'
import { readStrictJson } from './strict-json.ts'

export interface AdminParts {
  readonly registry: Registry & Resealer
  /** Takes API keys, whatever the MCP endpoint takes. */
  readonly authenticator: Authenticator
  /** The decision between the auth points. */
  readonly authorize: RegistryDeps['authorize']
  /** The rules alone, of the generation in force. */
  authorizer(): Authorizer
  /** Undefined: no sink keeps the audit in the store. */
  readonly audit: AuditRecords | undefined
  /** What runs now. Throws SHUTTING_DOWN. */
  state(): Assembly
  readiness(): Readiness
  reload(options: { readonly dryRun: boolean }): Promise<ReloadResult>
  metrics(): Promise<string> | string | undefined
  /** Undefined: who is refused leaves no record. */
  readonly records?: Pick<Audit, 'write'> | undefined
  readonly attestation: Pick<Attestation, 'attest' | 'attested'>
  readonly clock: Clock
  readonly log: Logger
  createId(): string
  /** The same on all replicas, so that a page can follow on another one. */
  readonly cursors: CursorSigner
}

/** Loaded when `admin.api` is on, and not before. */
export async function createAdminApi(parts: AdminParts): Promise<AdminMiddleware> {
  const [{ createApi }, { entityKinds }] = await Promise.all([
    import('../../admin/api.ts'),
    import('./kinds.ts'),
  ])
  return createApi(apiHandle(parts, entityKinds()))
}

export function apiHandle(parts: AdminParts, kinds: ApiHandle['kinds']): ApiHandle {
  const { registry, authenticator, audit, clock, log, createId, state } = parts
  const quiet = createQuiet(clock)
  const { admin, limits } = state().loaded.config
  return {
    registry,
    rights: RIGHTS,
    rightsOf: (principal) => rightsOf(principal, parts.authorizer()),
    explain: (question) => explained(quiet(state()), question),
    reload: parts.reload,
    attest: parts.attestation.attest,
    attested: parts.attestation.attested,
    reseal: (by) => registry.reseal({ ...by, surface: 'admin' }),
    config: () => shownOf(state()),
    status: parts.readiness,
    points: listPoints,
    metrics: parts.metrics,
    audit,
    authenticator,
    authorise: (ask) => authorise(parts, ask),
    refused: (refusal) => parts.records?.write(recordOf(refusal)),
    kinds,
    version: SELF.version,
    clock,
    log,
    createId,
    cursors: parts.cursors,
    readJson: readStrictJson,
    rate: admin.rate,
    bodyTimeout: limits.header_timeout,
  }
}

function recordOf({
  code,
  principal,
  operation,
  right,
  id,
  address,
  ...refusal
}: Refusal): AuditEvent {
  const who = principal && { id: principal.id, kind: principal.kind, tenant: principal.tenant }
  return {
    ...refusal,
    kind: code === 'AUTH_INVALID' ? 'login_failed' : 'decision',
    surface: 'admin',
    principal: who,
    method: operation && `admin/${operation}`,
    target: id,
    action: right,
    verdict: 'deny',
    effective: true,
    code,
    details: { address },
  }
}

function rightsOf(principal: Principal, authorizer: Authorizer): readonly string[] {
  const target = { kind: 'gateway', tenant: principal.tenant } as const
  return Object.keys(RIGHTS).filter((right) => authorizer.decide(principal, right, target).allowed)
}

function authorise(parts: AdminParts, { principal, right, target, requestId }: Ask) {
  return parts.authorize({ principal, requestId, surface: 'admin' }, right as Right, target)
}

function shownOf({ loaded, runtime }: Assembly): object {
  return {
    digest: loaded.digest,
    generation: runtime.generation.id,
    config: shownConfig(loaded),
  }
}

/** What runs, compiled once more for an engine that reports to nobody: a question is no traffic. */
type Quiet = (assembly: Assembly) => Explained

function createQuiet(clock: Clock): Quiet {
  const known = new WeakMap<Assembly, Explained>()
  const engine = createEngine<Points>(POINTS, {
    clock,
    expression: conditionCompiler(createExpression()),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    defer: setImmediate,
  })
  return (assembly) => {
    const found = known.get(assembly)
    if (found) return found
    const { loaded, plugins } = assembly
    const generation = engine.generation(plugins.registrations, engineLimits(loaded.config))
    const explained = { loaded, generation, entries: plugins.entries }
    known.set(assembly, explained)
    return explained
  }
}

async function explained(running: Explained, asked: JsonObject): Promise<object> {
  const { principal, ...question } = asked as unknown as Question
  const who = principal && { principal: { ...NOBODY, ...principal } }
  try {
    return await explain(running, { ...question, ...who }, 'admin')
  } catch (error) {
    if (error instanceof TypeError) throw new AppError('WIRE_INVALID_PARAMS', error.message)
    throw error
  }
}

const NOBODY: Principal = { ...ANONYMOUS, kind: 'user' }
