// What changed between two loaded configurations, by name and path and never by value; it applies nothing.
import { isObject } from '../base/json.ts'
import type { LoadedConfig } from './load.ts'
import { formatPath, type Path } from './problem.ts'

/** Names in file order. */
export interface ListDiff {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

export interface ConfigDiff {
  /** Every path whose value differs; a named item is `servers.files.args`, an order that changed is the list's own path. */
  readonly paths: readonly string[]
  /** The sections these paths are in. */
  readonly sections: readonly string[]
  readonly servers: ListDiff
  readonly entries: ListDiff
  readonly policies: ListDiff
}

export function diffConfig(old: LoadedConfig<unknown>, next: LoadedConfig<unknown>): ConfigDiff {
  const found: Path[] = []
  compare(old.config, next.config, [], found)
  // what a section names is part of it
  for (const section of new Set([...Object.keys(old.companions), ...Object.keys(next.companions)]))
    if (!isSameFiles(old.companions[section], next.companions[section])) found.push([section])
  const lists = (path: readonly string[]): ListDiff =>
    diffList(at(old.config, path), at(next.config, path))
  return {
    paths: found.map(formatPath),
    sections: [...new Set(found.map((path) => String(path[0])))],
    servers: lists(['servers']),
    entries: lists(['plugins', 'entries']),
    policies: lists(['policies']),
  }
}

type Files = Readonly<Record<string, string>>

function isSameFiles(old: Files = {}, next: Files = {}): boolean {
  const names = Object.keys(old)
  return (
    names.length === Object.keys(next).length && names.every((name) => old[name] === next[name])
  )
}

function compare(old: unknown, next: unknown, path: Path, found: Path[]): void {
  if (Object.is(old, next)) return
  if (isObject(old) && isObject(next)) {
    for (const name of new Set([...Object.keys(old), ...Object.keys(next)]))
      compare(old[name], next[name], [...path, name], found)
    return
  }
  const before = named(old)
  const after = named(next)
  if (before && after) {
    for (const name of new Set([...before.keys(), ...after.keys()]))
      compare(before.get(name), after.get(name), [...path, name], found)
    const kept = [...before.keys()].filter((name) => after.has(name))
    const order = [...after.keys()].filter((name) => before.has(name))
    if (kept.some((name, index) => name !== order[index])) found.push(path)
    return
  }
  if (!isSame(old, next)) found.push(path)
}

function isSame(old: unknown, next: unknown): boolean {
  if (!Array.isArray(old) || !Array.isArray(next) || old.length !== next.length)
    return Object.is(old, next)
  return old.every((item, index) => {
    const inner: Path[] = []
    compare(item, next[index], [], inner)
    return inner.length === 0
  })
}

// an empty list counts as named, so that a first server is one that was added
function named(value: unknown): Map<string, unknown> | undefined {
  if (!Array.isArray(value)) return undefined
  const items = new Map<string, unknown>()
  for (const item of value) {
    if (!isObject(item) || typeof item.name !== 'string') return undefined
    items.set(item.name, item)
  }
  return items
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, step) => (isObject(inner) ? inner[step] : undefined), value)
}

function diffList(old: unknown, next: unknown): ListDiff {
  const before = named(old) ?? new Map<string, unknown>()
  const after = named(next) ?? new Map<string, unknown>()
  const differs = (name: string): boolean => {
    const inner: Path[] = []
    compare(before.get(name), after.get(name), [], inner)
    return inner.length > 0
  }
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: [...after.keys()].filter((name) => before.has(name) && differs(name)),
  }
}
