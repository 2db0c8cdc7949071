// Plugins judging the loading of plugins: plugin_pre_load and plugin_post_load dispatched to the entries that are loaded so far.
import type { AuditEvent } from '../../audit/record.ts'
import type { Clock } from '../../base/clock.ts'
import { RequestContext, SYSTEM } from '../../engine/context.ts'
import { createEngine, type EngineLimits, type StepName } from '../../engine/engine.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { Registration } from '../../engine/registry.ts'
import { conditionCompiler, type Expression } from '../../expression/expression.ts'
import { type Payload, POINTS, type Points } from '../../points/table.ts'
import type { Audit } from '../services/services.ts'

export type PreLoad = Payload<'plugin_pre_load'>
export type PostLoad = Payload<'plugin_post_load'>
export type Judge = (payload: PreLoad) => Promise<Outcome<PreLoad>>
export type Observe = (payload: PostLoad) => void | Promise<void>

export interface LoadJudge {
  readonly judge: Judge
  readonly observe: Observe
  /** What was loaded takes part from now on. */
  admit(registrations: readonly Registration[]): void
}

export interface JudgeDeps {
  readonly clock: Clock
  readonly expression: Expression
  readonly audit: Audit
  readonly limits: EngineLimits
  readonly defer: (run: () => void) => void
}

/** A small engine of its own: at start there is no generation yet that could judge. */
export function createLoadJudge(deps: JudgeDeps): LoadJudge {
  const { expression } = deps
  const engine = createEngine<Points>(POINTS, {
    clock: deps.clock,
    expression: conditionCompiler(expression),
    defer: deps.defer,
    sink: {
      verdict({ point, step, verdict, effective, violation, request }) {
        deps.audit({
          kind: verdict !== 'deny' ? verdict : effective ? 'refusal' : 'would_deny',
          ...whereOf(point, step, request),
          verdict,
          effective,
          code: violation?.code,
          reason: violation?.reason,
          description: violation?.description,
          details: violation?.details,
        })
      },
      fault({ point, step, fault, failedOpen, request }) {
        const kind = failedOpen ? 'failed_open' : 'fault'
        deps.audit({
          kind,
          ...whereOf(point, step, request),
          code: fault?.code,
          reason: fault?.message,
        })
      },
      dispatched() {},
      observerDropped() {},
    },
  })
  const registrations: Registration[] = []
  let generation = engine.generation(registrations, deps.limits)
  return {
    async judge(payload) {
      const runner = generation.runner('plugin_pre_load')
      if (runner === null) return { kind: 'pass', payload, changed: false }
      return runner.dispatch(payload, requestFor(payload.entry))
    },
    async observe(payload) {
      await generation.runner('plugin_post_load')?.dispatch(payload, requestFor(payload.entry))
    },
    admit(loaded) {
      const own = loaded.filter(
        ({ point }) => point === 'plugin_pre_load' || point === 'plugin_post_load',
      )
      if (own.length === 0) return
      registrations.push(...own)
      generation = engine.generation(registrations, deps.limits)
    },
  }
}

function whereOf(point: string, step: StepName, { identity }: RequestContext): Partial<AuditEvent> {
  const { entry, plugin, modeName } = step
  return {
    point,
    entry,
    plugin,
    mode: modeName,
    requestId: identity.requestId,
    surface: identity.surface,
  }
}

function requestFor(entry: string): RequestContext {
  return new RequestContext({
    requestId: `load-${entry}`,
    trace: undefined,
    era: 'modern',
    surface: 'system',
    method: 'plugin/load',
    principal: SYSTEM,
    client: undefined,
    session: undefined,
    generation: 0,
  })
}
