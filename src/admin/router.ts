// From method and path to a row of the table; letter by letter, so that nothing has two names.
import { AppError } from '../base/errors.ts'
import type { Method, Route } from './route.ts'

export const BASE = '/api/v1'

export interface Matched {
  readonly route: Route
  /** As it stands in the path, encoded; empty where the path has none. */
  readonly id: string
}

export interface Router {
  /** `path` below BASE. Undefined for OPTIONS. Throws API_NOT_FOUND, or API_METHOD with `data.allow`. */
  match(method: string, path: string): Matched | { readonly allow: string }
}

type Methods = Map<string, Route>

export function createRouter(routes: readonly Route[]): Router {
  const plain = new Map<string, Methods>()
  const withId = new Map<string, Methods>()
  for (const route of routes) add(route.path.includes('{id}') ? withId : plain, route)
  return {
    match(method, path) {
      const found = find(plain, withId, path)
      if (found === undefined) throw new AppError('API_NOT_FOUND', 'there is nothing at this path')
      const [methods, id] = found
      const allow = allowOf([...methods.keys()])
      if (method === 'OPTIONS') return { allow }
      const route = methods.get(method === 'HEAD' ? 'GET' : method)
      if (route === undefined)
        throw new AppError('API_METHOD', `this path takes ${allow}`, { data: { allow } })
      return { route, id }
    },
  }
}

function add(table: Map<string, Methods>, route: Route): void {
  const methods: Methods = table.get(route.path) ?? new Map<string, Route>()
  if (methods.has(route.method))
    throw new AppError('INTERNAL', `two routes for ${route.method} ${route.path}`)
  methods.set(route.method, route)
  table.set(route.path, methods)
}

// the id is the second segment, so a path has at most one template: itself with that segment replaced
function find(
  plain: ReadonlyMap<string, Methods>,
  withId: ReadonlyMap<string, Methods>,
  path: string,
): readonly [Methods, string] | undefined {
  const literal = plain.get(path)
  if (literal) return [literal, '']
  const [, collection, id, ...rest] = path.split('/')
  if (id === undefined || id === '') return undefined
  const found = withId.get(['', collection, '{id}', ...rest].join('/'))
  return found && [found, id]
}

export function allowOf(methods: readonly (Method | string)[]): string {
  const all = methods.includes('GET') ? ['HEAD', ...methods] : methods
  return [...all, 'OPTIONS'].sort().join(', ')
}
