// Which plugins there are: built in, in folders, given in code; it reads manifests and runs nothing.
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import type { PluginDefinition } from '../../plugin.ts'
import { type LoadProblem, loadProblem } from '../problem.ts'
import type { PluginSource } from '../status.ts'
import { readText } from './files.ts'
import type { Manifest, ParsedManifest } from './manifest.ts'

/** A plugin that was found, and how to get at its code. */
export type FoundPlugin =
  | {
      readonly source: 'built-in' | 'directory'
      readonly manifest: Manifest
      readonly directory: string
      readonly file: string
    }
  | { readonly source: 'code'; readonly definition: PluginDefinition }

/** A manifest that cannot be used. It is an error only for who wants to use it. */
export interface BrokenPlugin {
  /** The id it gives, or the name of its folder. */
  readonly id: string
  readonly problems: readonly LoadProblem[]
}

export interface Catalogue {
  readonly plugins: ReadonlyMap<string, FoundPlugin>
  readonly broken: readonly BrokenPlugin[]
  /** The same id twice, or a folder that is not there. */
  readonly problems: readonly LoadProblem[]
}

export interface Places {
  readonly builtInDir: string | undefined
  readonly dirs: readonly string[]
  readonly code: readonly PluginDefinition[]
}

type Parse = (text: string, file: string) => ParsedManifest

export async function discover(places: Places, parse: Parse): Promise<Catalogue> {
  const plugins = new Map<string, FoundPlugin>()
  const broken: BrokenPlugin[] = []
  const problems: LoadProblem[] = []
  const add = (id: string, found: FoundPlugin): void => {
    const first = plugins.get(id)
    if (first === undefined) plugins.set(id, found)
    else problems.push(twice(id, first, found))
  }
  const folders = [
    ...(places.builtInDir === undefined
      ? []
      : [{ folder: places.builtInDir, source: 'built-in' as const }]),
    ...places.dirs.map((folder) => ({ folder, source: 'directory' as const })),
  ]
  for (const { folder, source } of folders) {
    for (const file of await manifestsIn(folder, source, problems)) {
      const parsed = await readManifest(file, parse)
      if (parsed.manifest)
        add(parsed.manifest.id, {
          source,
          manifest: parsed.manifest,
          directory: dirname(file),
          file,
        })
      else broken.push({ id: parsed.id ?? folderName(file), problems: parsed.problems })
    }
  }
  for (const definition of places.code) add(definition.id, { source: 'code', definition })
  return { plugins, broken, problems }
}

// a folder of plugins, or one plugin itself
async function manifestsIn(
  folder: string,
  source: PluginSource,
  problems: LoadProblem[],
): Promise<string[]> {
  try {
    const items = await readdir(folder, { withFileTypes: true })
    if (items.some((item) => item.name === MANIFEST && item.isFile()))
      return [join(folder, MANIFEST)]
    const inner = items.filter((item) => item.isDirectory()).map((item) => item.name)
    const found = await Promise.all(
      inner.sort().map(async (name) => {
        const names = await readdir(join(folder, name))
        return names.includes(MANIFEST) ? [join(folder, name, MANIFEST)] : []
      }),
    )
    return found.flat()
  } catch (error) {
    const path = source === 'built-in' ? [] : ['plugins', 'dirs']
    problems.push(
      loadProblem(
        'PLUGIN_NOT_FOUND',
        undefined,
        path,
        `${folder} cannot be read: ${messageOf(error)}`,
      ),
    )
    return []
  }
}

const MANIFEST = 'plugin.yaml'

async function readManifest(file: string, parse: Parse): Promise<ParsedManifest> {
  try {
    return parse(await readText(file), file)
  } catch (error) {
    const place = { file, line: 1, column: 1 }
    return {
      manifest: undefined,
      id: undefined,
      problems: [loadProblem('PLUGIN_MANIFEST', place, [], messageOf(error))],
    }
  }
}

function twice(id: string, first: FoundPlugin, second: FoundPlugin): LoadProblem {
  const place = second.source === 'code' ? undefined : { file: second.file, line: 1, column: 1 }
  return loadProblem(
    'PLUGIN_MANIFEST',
    place,
    [],
    `the plugin id "${id}" is already taken by ${whereIs(first)}`,
  )
}

export function whereIs(found: FoundPlugin): string {
  return found.source === 'code' ? 'a plugin given in code' : found.file
}

function folderName(file: string): string {
  return dirname(file).split(/[\\/]/).at(-1) ?? ''
}
