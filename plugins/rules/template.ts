// JSON from a policy whose leaves may be `{ cel: "..." }`: compiled once, filled in for each call. It decides nothing.
import type { PluginContext, PluginHost } from 'portcullis/plugin'

/** Fills in the template for one call. */
export type Template = (point: string, payload: object, context: PluginContext) => unknown

const MAX_DEPTH = 64

/** Throws when an expression does not compile. */
export function compileTemplate(value: unknown, host: PluginHost, depth = 0): Template {
  if (depth > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`)
  if (typeof value !== 'object' || value === null) return () => value
  const source = expressionIn(value)
  if (source !== undefined) return host.match.cel(source)
  if (Array.isArray(value)) {
    const items = value.map((item) => compileTemplate(item, host, depth + 1))
    return (point, payload, context) => items.map((item) => item(point, payload, context))
  }
  const members = Object.entries(value).map(
    ([name, inner]) => [name, compileTemplate(inner, host, depth + 1)] as const,
  )
  return (point, payload, context) =>
    Object.fromEntries(members.map(([name, inner]) => [name, inner(point, payload, context)]))
}

function expressionIn(value: object): string | undefined {
  const { cel } = value as { cel?: unknown }
  return typeof cel === 'string' && Object.keys(value).length === 1 ? cel : undefined
}
