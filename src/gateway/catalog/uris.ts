// Who owns a URI: resources keep their own, so links and templates go on working; only those that two servers share get a prefix.
import type { OwnName } from './names.ts'

/** The way from an item to its exposed URI and back. */
export interface UriIndex<T extends OwnName = OwnName> {
  exposed(server: string, uri: string): string
  /** The owner of an exposed URI, if it is listed. */
  owner(exposed: string): T | undefined
  /** The servers whose templates an exposed URI fits; with more than one, nobody can say whose it is. */
  byTemplate(exposed: string): readonly OwnName[]
}

const PREFIX = 'portcullis://'

export function createUriIndex<T extends OwnName>(items: readonly T[]): UriIndex<T> {
  const owners = Map.groupBy(items, (item) => item.name)
  const shared = (uri: string) => (owners.get(uri)?.length ?? 0) > 1
  const exposed = (server: string, uri: string) =>
    shared(uri) || uri.startsWith(PREFIX) ? `${PREFIX}${server}/${uri}` : uri
  const index = new Map(items.map((item) => [exposed(item.server, item.name), item]))
  const templates = items.map((item) => ({
    item,
    matches: compileTemplate(exposed(item.server, item.name)),
    prefixed: exposed(item.server, item.name) !== item.name,
  }))
  return {
    exposed,
    owner: (uri) => index.get(uri),
    byTemplate(uri) {
      const owners = new Map<string, OwnName>()
      for (const { item, matches, prefixed } of templates) {
        if (!matches(uri)) continue
        const name = prefixed ? uri.slice(`${PREFIX}${item.server}/`.length) : uri
        owners.set(item.server, { server: item.server, name })
      }
      return [...owners.values()]
    },
  }
}

/** The prefix of a URI that was exposed with one: its server and own URI. */
export function unprefixed(uri: string): OwnName | undefined {
  if (!uri.startsWith(PREFIX)) return undefined
  const slash = uri.indexOf('/', PREFIX.length)
  if (slash === -1) return undefined
  return { server: uri.slice(PREFIX.length, slash), name: uri.slice(slash + 1) }
}

/**
 * Whether a URI can come out of a template (RFC 6570): literals must stand where they stand, an expression takes anything
 * (without a slash, unless it is {+x}, {#x}, {/x}). Literals are found from left to right, so it is linear per literal.
 */
export function compileTemplate(template: string): (uri: string) => boolean {
  const parts = template.split(/(\{[^{}]*\})/)
  const literals = parts.filter((_, index) => index % 2 === 0)
  const crossing = parts
    .filter((_, index) => index % 2 === 1)
    .map((expression) => /^\{[+#/?&;.]/.test(expression))
  if (crossing.length === 0) return (uri) => uri === template
  return (uri) => {
    const [head = '', ...rest] = literals
    if (!uri.startsWith(head)) return false
    let at = head.length
    for (const [index, literal] of rest.entries()) {
      const last = index === rest.length - 1
      const next =
        last && literal === ''
          ? uri.length
          : last
            ? uri.length - literal.length
            : uri.indexOf(literal, at)
      if (next < at || !uri.startsWith(literal, next)) return false
      if (!crossing[index] && uri.slice(at, next).includes('/')) return false
      at = next + literal.length
    }
    return at === uri.length
  }
}
