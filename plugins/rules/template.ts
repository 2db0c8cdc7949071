// JSON from a policy whose leaves may be `{ cel: "..." }`: compiled once, filled in for each call. It decides nothing.
import type { PluginContext, PluginHost } from 'portcullis/plugin'

/** Fills in the template for one call. */
export type Template = (point: string, payload: object, context: PluginContext) => unknown

const MAX_DEPTH = 64

/** Throws when an expression does not compile; the error says where in the config it stands. */
export function compileTemplate(
  value: unknown,
  host: PluginHost,
  path: readonly (string | number)[],
): Template {
  if (path.length > MAX_DEPTH) throw new RangeError(`nested deeper than ${MAX_DEPTH} levels`)
  if (typeof value !== 'object' || value === null) return () => value
  const source = expressionIn(value)
  if (source !== undefined) return compileLeaf(source, host, path)
  if (Array.isArray(value)) {
    const items = value.map((item, index) => compileTemplate(item, host, [...path, index]))
    return (point, payload, context) => items.map((item) => item(point, payload, context))
  }
  const members = Object.entries(value).map(
    ([name, inner]) => [name, compileTemplate(inner, host, [...path, name])] as const,
  )
  return (point, payload, context) =>
    Object.fromEntries(members.map(([name, inner]) => [name, inner(point, payload, context)]))
}

// the host shows the place of the value whose path the error carries
function compileLeaf(
  source: string,
  host: PluginHost,
  path: readonly (string | number)[],
): Template {
  try {
    return host.match.cel(source)
  } catch (error) {
    throw Object.assign(error as Error, { path: [...path, 'cel'] })
  }
}

function expressionIn(value: object): string | undefined {
  const { cel } = value as { cel?: unknown }
  return typeof cel === 'string' && Object.keys(value).length === 1 ? cel : undefined
}
