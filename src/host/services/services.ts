// What one entry's setup is handed: logging, time, matching, storage, the outside - each bounded and bound to the entry.
import type { AuditEvent } from '../../audit/record.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { type Logger, redact, redactText } from '../../base/log.ts'
import type { Expression } from '../../expression/expression.ts'
import type {
  AttestationRequest,
  AttestationVerdict,
  EgressResponse,
  PluginHost,
  PluginLogger,
  PluginStorage,
  PluginText,
} from '../api.ts'
import type { Allowed } from '../permissions.ts'
import { createMatch } from './match.ts'
import type { ConfigCheck, SchemaCheck } from './schema.ts'
import type { DryRuns } from './storage.ts'

/** Tells the audit room. Must not throw and must not wait. */
export type Audit = (event: AuditEvent) => void

export type ToolDefinition = (
  server: string,
  name: string,
) => Promise<Readonly<Record<string, unknown>> | undefined>

/** The part of the egress room that plugins reach through `host.fetch`. */
export interface HostEgress {
  fetch(
    url: string,
    request: {
      readonly method?: string | undefined
      readonly headers?: Readonly<Record<string, string>> | undefined
      readonly body?: string | undefined
      readonly signal?: AbortSignal | undefined
      readonly timeout?: number | undefined
      readonly allowed: readonly string[]
    },
  ): Promise<EgressResponse>
}

/** Where counters of plugins go. */
export interface HostMetrics {
  count(entry: string, plugin: string, name: string, value: number): void
}

/** The attestation room as plugins reach it through `host.attestation`. */
export interface HostAttestation {
  appraise(request: AttestationRequest & { readonly dryRun: boolean }): Promise<AttestationVerdict>
}

/** What all entries share. */
export interface SharedServices {
  readonly clock: Clock
  readonly log: Logger
  readonly expression: Expression
  readonly audit: Audit
  readonly toolDefinition: ToolDefinition
  readonly egress: HostEgress | undefined
  readonly metrics: HostMetrics | undefined
  readonly attestation: HostAttestation | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly schemas: (schema: object) => SchemaCheck
  readonly configSchemas: (schema: object, plugin: string) => ConfigCheck
  readonly text: PluginText
  readonly dryRuns: DryRuns
}

export interface ServiceScope {
  readonly entry: string
  readonly plugin: string
  readonly points: readonly string[]
  readonly allowed: Allowed
  readonly storage: PluginStorage
}

export function createServices(shared: SharedServices, scope: ServiceScope): PluginHost {
  const { clock, dryRuns } = shared
  const { entry, plugin, allowed } = scope
  return Object.freeze({
    entry,
    points: scope.points,
    log: createLog(shared.log.child({ entry, plugin })),
    clock: { now: () => clock.now(), wall: () => clock.wall() },
    metrics: createCounters(shared.metrics, scope),
    emit(event) {
      const { type, severity = 'info', data } = event
      shared.audit({
        kind: 'alert',
        entry,
        plugin,
        details: {
          type: redactText(String(type)),
          severity,
          ...(data === undefined ? {} : { data: redact(data) }),
          ...(dryRuns.active ? { dryRun: true } : {}),
        },
      })
    },
    match: createMatch(shared.expression),
    text: shared.text,
    schema: { compile: shared.schemas },
    toolDefinition: shared.toolDefinition,
    storage: dryRuns.overlay(scope.storage),
    fetch: createFetch(shared, scope),
    secrets: {
      env(name) {
        if (!allowed.env.includes(name))
          throw ungranted(shared, scope, `the variable ${redactText(name)}`, 'env')
        return shared.env[name]
      },
    },
    attestation: { appraise: createAppraise(shared, scope) },
  } satisfies PluginHost)
}

function createLog(log: Logger): PluginLogger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error'): PluginLogger['info'] => {
    return (message, fields = {}) =>
      log[level](redact(fields) as object, redactText(String(message)))
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Names of one entry; a metric whose names come from payloads would grow without end. */
const MAX_COUNTERS = 32
const COUNTER = /^[a-z][a-z0-9_]{0,63}$/

function createCounters(
  metrics: HostMetrics | undefined,
  { entry, plugin }: ServiceScope,
): PluginHost['metrics'] {
  const names = new Set<string>()
  return {
    count(name, value = 1) {
      if (!COUNTER.test(name))
        throw new TypeError('a counter is named with lower-case letters, digits and _')
      if (!names.has(name) && names.size >= MAX_COUNTERS) return
      names.add(name)
      if (Number.isFinite(value) && value >= 0) metrics?.count(entry, plugin, name, value)
    },
  }
}

function createFetch(shared: SharedServices, scope: ServiceScope): PluginHost['fetch'] {
  const { network } = scope.allowed
  return async (url, options = {}) => {
    if (network.length === 0 || shared.egress === undefined)
      throw ungranted(shared, scope, 'the network', 'network')
    if (shared.dryRuns.active)
      throw new AppError('PLUGIN_PERMISSION', `${scope.entry}: a dry run reaches nothing outside`)
    return shared.egress.fetch(url, { ...options, allowed: network })
  }
}

function createAppraise(
  shared: SharedServices,
  scope: ServiceScope,
): PluginHost['attestation']['appraise'] {
  return async (request) => {
    if (!scope.allowed.attestation) throw ungranted(shared, scope, 'attestation', 'attestation')
    const { active: dryRun } = shared.dryRuns
    return shared.attestation
      ? shared.attestation.appraise({ ...request, dryRun })
      : { decision: 'none' }
  }
}

function ungranted(
  { audit }: SharedServices,
  { entry, plugin }: ServiceScope,
  what: string,
  permission: string,
): AppError {
  const code = 'PLUGIN_PERMISSION'
  const reason = `${entry} used ${what} without a grant: the manifest of ${plugin} must ask for ${permission} and the entry grant it`
  audit({ kind: 'permission', entry, plugin, action: permission, code, reason })
  return new AppError(code, reason, { data: { entry, plugin, permission } })
}
