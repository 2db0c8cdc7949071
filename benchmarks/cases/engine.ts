// The engine as cases use it: the real points, a real clock, conditions as in production, and plugins that are told apart.
import { systemClock } from '../../src/base/clock.ts'
import { ANONYMOUS, RequestContext, type RequestIdentity } from '../../src/engine/context.ts'
import { createEngine, type EngineLimits, type Generation } from '../../src/engine/engine.ts'
import type { Registration } from '../../src/engine/registry.ts'
import { createExpression } from '../../src/expression/expression.ts'
import { type Payload, POINTS, type Points } from '../../src/points/table.ts'

export const PAYLOAD = JSON.parse(
  '{"server":"files","name":"read_file","exposedName":"files__read_file","arguments":{"path":"/srv/a.txt","amount":5},"headers":{}}',
) as Payload<'tool_pre_invoke'>

export const SCOPE = {
  server: { name: 'files', tags: [], environment: undefined, tenant: undefined },
  target: 'read_file',
}

const LIMITS: EngineLimits = {
  payload: 1_048_576,
  points: {},
  depth: 64,
  dispatch: { data: 10_000, control: 30_000, admission: 150_000 },
}

/** What the meter counted: a sink that does what telemetry does on the hot path, and no more. */
export const meter = { dispatches: 0, ms: 0, faults: 0 }

/** `about` replaces what all entries have in common, or says it for each. */
export function generationOf(
  handlers: readonly Handler[],
  about: Partial<Registration> | ((order: number) => Partial<Registration>) = {},
): Generation<Points> {
  const expression = createExpression()
  const engine = createEngine<Points>(POINTS, {
    clock: systemClock,
    expression: {
      anyOf: (texts, options) => expression.anyOf(texts, options),
      cel: (source) => expression.cel(source, undefined, 'bool'),
    },
    sink: {
      verdict() {},
      fault() {
        meter.faults++
      },
      dispatched(_point, ms) {
        meter.dispatches++
        meter.ms += ms
      },
      observerDropped() {},
    },
    defer: setImmediate,
  })
  const each = typeof about === 'function' ? about : () => about
  const registrations = handlers.map((handler, order) => ({
    ...registration(handler, order),
    ...each(order),
  }))
  return engine.generation(registrations, LIMITS)
}

function registration(handler: Handler, order: number): Registration {
  return {
    entry: `entry-${order}`,
    plugin: 'bench',
    point: 'tool_pre_invoke',
    mode: 'enforce',
    priority: 100,
    order,
    timeout: 5000,
    onError: 'disable',
    conditions: [{ tools: ['read_*'] }],
    handler: handler as Registration['handler'],
  }
}

export function request(about: Partial<RequestIdentity> = {}): RequestContext {
  return new RequestContext({
    requestId: 'bench',
    trace: undefined,
    era: 'modern',
    surface: 'http',
    method: 'tools/call',
    principal: ANONYMOUS,
    client: undefined,
    session: undefined,
    generation: 1,
    ...about,
  })
}

export type Handler = (payload: Payload<'tool_pre_invoke'>, context: unknown) => unknown

/** How often each of the handlers was called, so that their work is seen. */
export const hits = new Uint32Array(64)
let made = 0

/**
 * Functions with code of their own, as plugins have: closures of one literal, or of one text, would share what the compiler
 * learns of them, across plugins and across variants.
 */
export function distinct(count: number, body: (index: number) => string): Handler[] {
  return Array.from({ length: count }, (_, index) => {
    const make = new Function('hits', `/* ${made++} */ return ${body(index)}`)
    return (make as (hits: Uint32Array) => Handler)(hits)
  })
}

/** Throws unless every dispatch passed and no plugin failed. */
export function checked(name: string, passed: number, times: number): number {
  if (passed !== times || meter.faults > 0)
    throw new Error(`${name}: ${times - passed} of ${times} did not pass, ${meter.faults} faults`)
  return passed + (hits[0] ?? 0)
}
