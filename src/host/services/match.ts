// Patterns, RE2 and CEL for plugins, over the same compiler that conditions use; it binds a call's context to CEL variables.
import type { PluginContext } from '../../engine/context.ts'
import type { Expression } from '../../expression/expression.ts'
import type { PluginHost } from '../api.ts'

const NO_CLIENT = Object.freeze({ name: '', version: '' })
const NO_SERVER = Object.freeze({ name: '', tags: Object.freeze([]), environment: '', tenant: '' })

export function createMatch(expression: Expression): PluginHost['match'] {
  return {
    anyOf: (patterns) => expression.anyOf(patterns),
    regex(source, flags) {
      const regex = expression.regex(source, flags)
      return {
        test: (text) => regex.test(text),
        matchAll: (text) => regex.matchAll(text),
        replaceAll: (text, replacement) => regex.replaceAll(text, replacement),
      }
    },
    cel(source) {
      const program = expression.cel(source)
      return (point, payload, context) =>
        program.evaluate(variablesOf(point, payload, context as PluginContext))
    },
  }
}

// the variables of `when` (docs/pipeline.md section 7), from the face of a request that a plugin is handed
function variablesOf(
  point: string,
  payload: object,
  context: PluginContext,
): Record<string, unknown> {
  const { principal, server } = context
  return {
    payload,
    principal: { ...principal, tenant: principal.tenant ?? '' },
    client: context.client ?? NO_CLIENT,
    server: server
      ? { ...server, environment: server.environment ?? '', tenant: server.tenant ?? '' }
      : NO_SERVER,
    session: context.session ?? '',
    virtualServer: context.virtualServer ?? '',
    method: context.method,
    era: context.era,
    surface: context.surface,
    origin: context.origin,
    round: context.round,
    labels: [...context.labels],
    point,
    dryRun: context.dryRun,
  }
}
