// What happens, told once to telemetry, audit, log and the error_raised point; engine and gateway only say it.
import type { Audit } from '../../audit/audit.ts'
import type { AuditEvent } from '../../audit/record.ts'
import type { AppError } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { RequestContext } from '../../engine/context.ts'
import type { EngineSink, FaultEvent, VerdictEvent } from '../../engine/engine.ts'
import type { Exchange, Reporter } from '../../gateway/exchange.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { systemRequest } from '../generation/reload.ts'
import type { Digests } from './digests.ts'

export interface ReportDeps {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly log: Logger
  /** Undefined until the first runtime is assembled. */
  readonly current: () => Runtime | undefined
  readonly now: () => number
  readonly createId: () => string
  readonly digests?: Digests
  /** Arguments are read, and so parsed, for the audit. */
  readonly withArguments?: boolean
}

export interface Report extends Reporter {
  readonly sink: EngineSink
}

/** The entry under which permission rules deny. */
const RULES = 'identity'

const VERDICT_KIND = { patch: 'patch', deny: 'refusal', respond: 'respond', ask: 'ask' } as const

const METRIC_OUTCOME = { ok: 'ok', error: 'error', denied: 'denied', fault: 'error' } as const

export function createReport(deps: ReportDeps): Report {
  const { telemetry, audit, log, digests, withArguments = false } = deps
  const timers = new Map<string, (ms: number) => void>()

  /** Tells the observers of error_raised; a failure in there raises nothing. */
  function raise(request: RequestContext, fault: AppError, where: string): void {
    const runtime = deps.current()
    const runner = runtime?.generation.runner('error_raised')
    if (!runner) return
    const { requestId } = request.identity
    void runner.dispatch({ code: fault.code, where, cause: fault.message, requestId }, request, {})
  }

  const sink: EngineSink = {
    verdict(event) {
      const { verdict, effective, violation, changed } = event
      const kind = verdict === 'deny' && !effective ? 'would_deny' : VERDICT_KIND[verdict]
      audit.write({
        ...stepOf(kind, event, digests),
        verdict,
        effective,
        ...violationFields(violation),
        ...(changed ? { changed } : {}),
      })
    },
    fault(event) {
      const { fault, failedOpen, point, step } = event
      const code = fault?.code ?? 'BREAKER_OPEN'
      if (fault) telemetry.pluginFault(point, step.plugin, code)
      audit.write({
        ...stepOf(failedOpen ? 'failed_open' : 'fault', event, digests),
        code,
        ...(fault ? { reason: fault.message } : {}),
      })
      if (fault && point !== 'error_raised')
        raise(event.request, fault, `${step.entry} at ${point}`)
    },
    dispatched(point, ms) {
      let timer = timers.get(point)
      if (!timer) {
        timer = telemetry.dispatchTimer(point)
        timers.set(point, timer)
      }
      timer(ms)
    },
    observerDropped: (point) => telemetry.observerDropped(point),
  }

  return {
    sink,
    finished(exchange, outcome, code) {
      const { identity, request, startedAt } = exchange
      const ms = deps.now() - startedAt
      telemetry.request(identity.method, identity.era)(
        request.aborted ? 'cancelled' : METRIC_OUTCOME[outcome],
        ms,
      )
      audit.write(
        eventOf('execution', request, digests, {
          outcome,
          durationMs: round(ms),
          code,
          passes: request.passes ?? undefined,
          allowed: request.allowed ?? undefined,
          arguments: withArguments ? request.given?.arguments : undefined,
        }),
      )
    },
    raised(exchange, fault, where) {
      // a plugin's own fault has been told by the engine; below 500 it is the client's, and no failure of ours
      if (fault.data?.entry === undefined && fault.http >= 500)
        raise(exchange.request, fault, where)
      if (fault.rpc !== -32603) return
      const fields = { ...faultFields(exchange, fault), where }
      if (fault.code === 'INTERNAL')
        log.error({ ...fields, error: fault.cause }, 'the gateway failed')
      else if (fault.code !== 'DISPATCH_ABORTED') log.warn(fields, 'an operation failed')
    },
    sessionEnded({ client, principal, revision, capabilities }, cause) {
      const runtime = deps.current()
      const runner = runtime?.generation.runner('session_post_close')
      const payload = { client, principal, era: 'legacy', revision, capabilities, cause } as const
      if (runner)
        void runner.dispatch(payload, systemRequest(deps.createId(), 'session/close', runtime))
    },
    decided({ request }, { action, target, violation }) {
      if (!violation) {
        request.allowed ??= []
        if (!request.allowed.includes(action)) request.allowed.push(action)
        return
      }
      // what a plugin refuses the engine tells of; what a list does not show is no refusal
      if (violation.entry !== RULES) return
      const { code, reason } = violation
      const { server, name } = target ?? {}
      const about = { server, target: name, verdict: 'deny', effective: true }
      const event = eventOf('decision', request, digests)
      audit.write({ ...event, ...about, code, reason, action })
    },
    dropped(reason) {
      log.debug({ reason }, 'a notification was not delivered')
    },
  }
}

function faultFields({ identity, request }: Exchange, fault: AppError): Record<string, unknown> {
  return {
    requestId: identity.requestId,
    code: fault.code,
    reason: fault.message,
    method: identity.method,
    server: request.server?.name,
    target: request.target,
  }
}

function stepOf(
  kind: AuditEvent['kind'],
  { point, step, request }: VerdictEvent | FaultEvent,
  digests: Digests | undefined,
): AuditEvent {
  return {
    ...eventOf(kind, request, digests),
    point,
    entry: step.entry,
    plugin: step.plugin,
    mode: step.modeName,
    policy: digests?.policy(request.identity.generation, step.entry),
  }
}

type End = Pick<AuditEvent, 'outcome' | 'durationMs' | 'code' | 'passes' | 'allowed' | 'arguments'>
const NO_END: End = {}

// one literal, not spreads: written for every request
function eventOf(
  kind: AuditEvent['kind'],
  request: RequestContext,
  digests: Digests | undefined,
  end: End = NO_END,
): AuditEvent {
  const { requestId, trace, generation, principal, client, surface, virtualServer, era, method } =
    request.identity
  return {
    kind,
    requestId,
    traceId: traceIdOf(trace),
    generation,
    principal,
    client: client?.name,
    surface,
    virtualServer,
    era,
    method,
    server: request.server?.name,
    target: request.target,
    outcome: end.outcome,
    durationMs: end.durationMs,
    code: end.code,
    passes: end.passes,
    allowed: end.allowed,
    digest: digests?.configuration(generation),
    arguments: end.arguments,
  }
}

function traceIdOf(trace: RequestContext['identity']['trace']): string | undefined {
  return trace?.traceparent.slice(3, 35)
}

function violationFields(violation: VerdictEvent['violation']): Partial<AuditEvent> {
  if (!violation) return {}
  const { code, reason, description, details } = violation
  return {
    code,
    reason,
    ...(description === undefined ? {} : { description }),
    ...(details === undefined ? {} : { details }),
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
