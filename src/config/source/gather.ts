// One main file, what it includes and its profile, read and put together into one tree; it knows lists and names, not meanings.
import { dirname, join, resolve } from 'node:path'
import { suggest } from '../../base/suggest.ts'
import { inTurns } from '../../base/turns.ts'
import { createProblem, type Place, type Problem } from '../problem.ts'
import type { Schema } from '../schema/schema.ts'
import { type ConfigFs, isOpenFolder, readSecret, readTrusted } from './file.ts'
import { addInclude, mergeProfile } from './merge.ts'
import { substitute } from './substitute.ts'
import type { MapNode, Origin, TreeNode } from './tree.ts'
import { readYaml } from './yaml.ts'

export interface GatherOptions {
  readonly fs: ConfigFs
  readonly env: Readonly<Record<string, string | undefined>>
  readonly schema: Schema
  readonly profile?: string | undefined
}

export interface Gathered {
  readonly tree: TreeNode | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** Everything that was read, absolute, main file first: what a watcher watches. */
  readonly files: readonly string[]
  /** Folders that a pattern of `include` looked through. */
  readonly folders: readonly string[]
}

/** More files than this are a glob gone wrong. */
const MAX_FILES = 200

interface Reading extends GatherOptions {
  readonly problems: Problem[]
  readonly warnings: Problem[]
  readonly files: Set<string>
  readonly folders: Set<string>
}

export async function gather(file: string, options: GatherOptions): Promise<Gathered> {
  const reading: Reading = {
    ...options,
    problems: [],
    warnings: [],
    files: new Set(),
    folders: new Set(),
  }
  let tree = await readTree(resolve(file), 'file', reading)
  if (tree?.kind === 'map') tree = await withIncludes(tree, [resolve(file)], reading)
  if (tree !== undefined && options.profile !== undefined)
    tree = await withProfile(tree, resolve(file), options.profile, reading)
  return {
    tree,
    problems: reading.problems,
    warnings: reading.warnings,
    files: [...reading.files],
    folders: [...reading.folders],
  }
}

async function readTree(
  path: string,
  origin: Origin,
  reading: Reading,
  named?: Place,
): Promise<TreeNode | undefined> {
  reading.files.add(path)
  const { text, problems, warnings } = await readTrusted(reading.fs, path)
  // a file that is not there is the fault of the line that names it
  const missing = named !== undefined && problems[0]?.code === 'CONFIG_NOT_FOUND'
  if (missing) reading.problems.push(createProblem(named, ['include'], `there is no file ${path}`))
  else reading.problems.push(...problems)
  reading.warnings.push(...warnings)
  if (text === undefined) return undefined
  const parsed = await inTurns(readYaml(text, path, origin))
  reading.problems.push(...parsed.problems)
  if (parsed.problems.length > 0) return undefined
  if (parsed.tree?.kind !== 'map') {
    const place = parsed.tree?.place ?? { file: path, line: 1, column: 1 }
    const what =
      parsed.tree === undefined
        ? 'the file is empty; a configuration starts with "version: 1"'
        : 'a configuration file is a mapping of sections'
    reading.problems.push(createProblem(place, [], what))
    return undefined
  }
  const done = await substitute(parsed.tree, {
    env: reading.env,
    readSecret: (secret) => readSecret(reading.fs, secret),
  })
  reading.problems.push(...done.problems)
  for (const secret of done.files) reading.files.add(secret)
  return done.tree
}

// depth first, in the order in which the files are named; `chain` is the way that led here
async function withIncludes(
  tree: MapNode,
  chain: readonly string[],
  reading: Reading,
): Promise<MapNode> {
  const include = tree.members.get('include')?.node
  if (include?.kind !== 'list') return tree
  let merged = tree
  for (const item of include.items) {
    // anything but text is reported by the schema
    if (item.kind !== 'scalar' || typeof item.value !== 'string') continue
    for (const path of await expand(item.value, item.place, reading)) {
      const problem = refusal(path, chain, reading)
      if (problem !== undefined) {
        reading.problems.push(createProblem(item.place, ['include'], problem))
        continue
      }
      const part = await readTree(path, 'file', reading, item.place)
      if (part?.kind !== 'map') continue
      const whole = await withIncludes(part, [...chain, path], reading)
      checkVersion(whole, reading)
      const added = addInclude(merged, whole)
      reading.problems.push(...added.problems)
      merged = added.tree
    }
  }
  return merged
}

function refusal(path: string, chain: readonly string[], reading: Reading): string | undefined {
  if (chain.includes(path))
    return `the files include each other in a circle: ${[...chain.slice(chain.indexOf(path)), path].join(' -> ')}`
  if (reading.files.has(path)) return `${path} is included twice`
  if (reading.files.size >= MAX_FILES) return `more than ${MAX_FILES} files are included`
  return undefined
}

function checkVersion(tree: MapNode, reading: Reading): void {
  const version = tree.members.get('version')?.node
  if (version === undefined || (version.kind === 'scalar' && version.value === 1)) return
  reading.problems.push(createProblem(version.place, ['version'], 'version: expected 1'))
}

/** The files a line of `include` names: a `*` may stand in the file name, matches are sorted, and no match is no fault. */
async function expand(pattern: string, place: Place, reading: Reading): Promise<string[]> {
  const whole = resolve(dirname(place.file), pattern)
  const folder = dirname(whole)
  const name = whole.slice(folder.length).replace(/^[/\\]/, '')
  if (!name.includes('*') && !folder.includes('*')) return [whole]
  const fail = (message: string): string[] => {
    reading.problems.push(createProblem(place, ['include'], message))
    return []
  }
  if (folder.includes('*'))
    return fail(`a * may stand in the file name only, not in the folder: ${pattern}`)
  try {
    if (await isOpenFolder(reading.fs, folder, { sticky: false }))
      return fail(`everyone can add files to ${folder}; run chmod o-w ${folder}`)
    const expression = new RegExp(`^${name.split('*').map(escapeText).join('[^/]*')}$`)
    const names = await reading.fs.list(folder)
    reading.folders.add(folder)
    return names
      .filter((entry) => !entry.startsWith('.') && expression.test(entry))
      .sort()
      .map((entry) => join(folder, entry))
  } catch {
    return fail(`the folder ${folder} cannot be read`)
  }
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

async function withProfile(
  tree: TreeNode,
  main: string,
  profile: string,
  reading: Reading,
): Promise<TreeNode> {
  const at = { file: main, line: 0, column: 0 }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(profile)) {
    reading.problems.push(
      createProblem(
        at,
        [],
        `the profile name ${JSON.stringify(profile)} may only have letters, digits, ".", "_" and "-"`,
      ),
    )
    return tree
  }
  const folder = join(dirname(main), 'profiles')
  const names = await reading.fs.list(folder).catch(() => [] as string[])
  const known = names
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort()
  if (!known.includes(profile)) {
    const there =
      known.length === 0 ? `there are no profiles in ${folder}` : `known: ${known.join(', ')}`
    const options = { code: 'CONFIG_NOT_FOUND', suggestion: suggest(profile, known) } as const
    reading.problems.push(
      createProblem(at, [], `there is no profile "${profile}"; ${there}`, options),
    )
    return tree
  }
  const over = await readTree(join(folder, `${profile}.yaml`), 'profile', reading)
  if (over?.kind !== 'map') return tree
  checkVersion(over, reading)
  const include = over.members.get('include')
  if (include !== undefined)
    reading.problems.push(
      createProblem(
        include.at,
        ['include'],
        'a profile cannot include files; include them in the main file',
      ),
    )
  return mergeProfile(tree, over, reading.schema)
}
