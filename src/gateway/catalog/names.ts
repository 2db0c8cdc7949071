// Exposed names: what clients call the tools and prompts of many servers, and the way back to exactly one of them.
import { createHash } from 'node:crypto'

export interface NamingOptions {
  readonly mode: 'always' | 'collision' | 'never'
  readonly separator: string
  readonly max_length: number
}

/** An upstream's own name and whose it is. */
export interface OwnName {
  readonly server: string
  readonly name: string
}

/** Both directions of the naming; every exposed name leads back to exactly one own name. */
export interface Naming<T extends OwnName> {
  readonly byExposed: ReadonlyMap<string, T>
  exposed(server: string, name: string): string | undefined
}

const DIGITS = 8
const DIGEST = 64
/** Digests cut shorter than this could be made to be equal. */
const SAFE_DIGITS = 33

/**
 * Names everything at once, because a name is only free when nobody else has it. Equal or too long names get `_` and hex
 * digits of SHA-256(server NUL name); the order of the items does not matter. In mode `collision` a name is prefixed when
 * another server has the same.
 */
export function nameAll<T extends OwnName>(items: readonly T[], options: NamingOptions): Naming<T> {
  const unique = new Map<string, T>()
  for (const item of items) unique.set(key(item.server, item.name), item)
  // how many digest digits a name carries; 0 is none
  const digits = new Map<string, number>()
  const named = new Map<string, string>()
  const baseOf = baseNames(unique.values(), options)
  const rename = (id: string) => {
    const item = unique.get(id) as T
    const count = digits.get(id) ?? 0
    const base = baseOf(item)
    named.set(id, count === 0 ? base : digestName(base, item, options, count))
  }
  for (const [id, item] of unique) {
    digits.set(id, baseOf(item).length > options.max_length ? DIGITS : 0)
    rename(id)
  }
  const most = mostDigits(options)
  // a digest can equal a name that somebody made to look like one: look again until all differ. It ends, because every
  // round lengthens a digest, and those of different names differ before there are no more digits
  for (let clashing = clashes(named); clashing.length > 0; clashing = clashes(named)) {
    for (const id of clashing) {
      const count = digits.get(id) ?? 0
      digits.set(id, count === 0 ? DIGITS : Math.min(most, count * 2))
      rename(id)
    }
  }
  const byExposed = new Map<string, T>()
  for (const [id, exposed] of named) byExposed.set(exposed, unique.get(id) as T)
  return { byExposed, exposed: (server, name) => named.get(key(server, name)) }
}

function key(server: string, name: string): string {
  return `${server}\0${name}`
}

function clashes(named: ReadonlyMap<string, string>): string[] {
  const groups = Map.groupBy(named.keys(), (id) => named.get(id) as string)
  return [...groups.values()].filter((ids) => ids.length > 1).flat()
}

function baseNames(
  items: Iterable<OwnName>,
  { mode, separator }: NamingOptions,
): (item: OwnName) => string {
  if (mode === 'never') return ({ name }) => name
  const prefixed = ({ server, name }: OwnName) => `${server}${separator}${name}`
  if (mode === 'always') return prefixed
  const seen = new Set<string>()
  const shared = new Set<string>()
  for (const { name } of items) (seen.has(name) ? shared : seen).add(name)
  return (item) => (shared.has(item.name) ? prefixed(item) : item.name)
}

// no name is longer than allowed where that leaves enough of a digest to tell names apart for certain
function mostDigits({ max_length }: NamingOptions): number {
  return max_length > SAFE_DIGITS ? Math.min(DIGEST, max_length - 1) : DIGEST
}

function digestName(base: string, item: OwnName, options: NamingOptions, digits: number): string {
  const digest = createHash('sha256')
    .update(key(item.server, item.name))
    .digest('hex')
    .slice(0, digits)
  const room = Math.max(0, options.max_length - digits - 1)
  return `${base.slice(0, room)}_${digest}`
}
