// What is wrong with a set of scanned sources under the table; it reads no file.
import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import type { Import, Source } from './scan.ts'
import {
  DATA_TABLES,
  DEEPEST,
  EMPTY_NAMES,
  MOST_LINES,
  PACKAGES,
  PLUGIN_NODE,
  ROOMS,
  type RoomRules,
} from './table.ts'

const BUILT_IN = new Set(builtinModules)

/** One line per violation: `file:line: what`. */
export function violations(sources: readonly Source[]): string[] {
  return [...sources.flatMap(checkFile), ...cycles(sources)]
}

function checkFile(source: Source): string[] {
  return [
    ...checkShape(source),
    ...source.imports.flatMap((from) =>
      checkImport(source, from).map((what) => `${source.path}:${from.line}: ${what}`),
    ),
  ]
}

function checkShape({ path, text, lines, defaultExport }: Source): string[] {
  const found: string[] = []
  if (!/^\/\/ \S.{20,}\.( \/\/ .*)?$/.test(text.split('\n', 1)[0] ?? ''))
    found.push(`${path}:1: the first line is not a comment of one sentence`)
  if (lines > MOST_LINES && !DATA_TABLES.includes(path))
    found.push(`${path}: ${lines} lines are more than ${MOST_LINES}`)
  const folders = posix.dirname(path).split('/').slice(1)
  const name = posix.basename(path, '.ts')
  for (const word of [...folders, name])
    if (EMPTY_NAMES.includes(word)) found.push(`${path}: the name "${word}" says nothing`)
  if (!path.startsWith('src/')) return found
  if (folders.length > DEEPEST) found.push(`${path}: more than ${DEEPEST} levels below src`)
  if (defaultExport) found.push(`${path}: a default export`)
  if (rulesOf(path) === undefined) found.push(`${path}: the room has no row in the table`)
  return found
}

function checkImport(source: Source, from: Import): string[] {
  if (source.path.startsWith('plugins/')) return checkPluginImport(source.path, from)
  if (from.target?.startsWith('plugins/')) return [`src may not import ${from.target}`]
  if (from.typeOnly) return []
  if (from.target !== undefined) return checkRoom(source.path, from.target)
  return checkPackage(source.path, from.specifier)
}

// the same door as third parties: nothing of src and no package, not even as a type
function checkPluginImport(path: string, { specifier, target, names }: Import): string[] {
  const own = path.split('/').slice(0, 2).join('/')
  if (specifier === 'portcullis/plugin' || target?.startsWith(`${own}/`)) return []
  if (names?.every((name) => PLUGIN_NODE[specifier]?.includes(name))) return []
  return [`a plugin may import portcullis/plugin and its own files, not ${specifier}`]
}

function checkRoom(path: string, target: string): string[] {
  const rules = rulesOf(path)
  if (rules === undefined || rules.imports === 'everything') return []
  if (roomOf(path) === roomOf(target)) return []
  const below = target.slice('src/'.length)
  if (target.startsWith('src/') && rules.imports.some((place) => within(below, place))) return []
  return [`${roomOf(path)} may not import values of ${target}`]
}

function checkPackage(path: string, specifier: string): string[] {
  const room = roomOf(path)
  const plain = specifier.startsWith('node:') ? specifier : packageOf(specifier)
  const places = PACKAGES[plain]
  if (places === undefined && specifier.startsWith('node:'))
    return rulesOf(path)?.node ? [] : [`${room} may not import ${specifier}`]
  if (!specifier.startsWith('node:') && BUILT_IN.has(specifier)) return [`write node:${specifier}`]
  if (places === undefined) return [`the package ${plain} has no room in the table`]
  const below = path.slice('src/'.length)
  const open = places.includes('*') && room !== 'engine'
  return open || places.some((place) => within(below, place))
    ? []
    : [`${room} may not import the package ${plain}`]
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const within = (path: string, place: string): boolean =>
  path === place || path.startsWith(`${place}/`)

/** The folder below src, or the file directly in it. */
function roomOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function rulesOf(path: string): RoomRules | undefined {
  return Object.hasOwn(ROOMS, roomOf(path)) ? ROOMS[roomOf(path)] : undefined
}

/** Files whose values need each other before either is ready; every cycle is reported once, from its first file. */
export function cycles(sources: readonly Source[]): string[] {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ target, typeOnly, lazy }) =>
        target && !typeOnly && !lazy ? [target] : [],
      ),
    ]),
  )
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push(`a cycle of values: ${[...trail.slice(start), path].join(' -> ')}`)
    if (start >= 0 || done.has(path)) return
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of [...edges.keys()].sort()) visit(path, [])
  return found
}
