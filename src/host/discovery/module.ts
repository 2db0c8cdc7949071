// The code of a plugin as a module: contained in its folder, read anew only when it changed, and given our own `portcullis/plugin`.
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { AppError, messageOf } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { EXTENSION, SOURCES } from '../../base/place.ts'
import type { PluginDefinition } from '../../plugin.ts'
import type { FoundPlugin } from './discover.ts'
import { digestFolder, insideOf } from './files.ts'

export interface ModuleLoader {
  /** Throws PLUGIN_LOAD. */
  load(found: FoundPlugin): Promise<PluginDefinition>
  /** How many versions of plugin modules this process holds; a module can never be unloaded. */
  readonly versions: number
  close(): void
}

/** Beyond this many changed versions a process is restarted rather than reloaded: each stays in memory for good. */
const MAX_VERSIONS = 1000
const VERSION = 'portcullis-version'
const OWN: Readonly<Record<string, string>> = {
  'portcullis/plugin': new URL(`plugin.${EXTENSION}`, SOURCES).href,
  'portcullis/testing': new URL(`testing.${EXTENSION}`, SOURCES).href,
}

export function createModuleLoader(): ModuleLoader {
  const seen = new Set<string>()
  let hooks: { deregister(): void } | undefined
  return {
    async load(found) {
      if (found.source === 'code') return found.definition
      hooks ??= registerHooks({ resolve: resolveOwn })
      const url = await urlOf(found, seen)
      return definitionIn(await importModule(url, found.manifest.id), found.manifest.id)
    },
    get versions() {
      return seen.size
    },
    close() {
      hooks?.deregister()
      hooks = undefined
    },
  }
}

type Resolve = NonNullable<Parameters<typeof registerHooks>[0]['resolve']>

/**
 * One copy of the verdicts for all plugins, wherever their files are. A relative import takes over the version of the module
 * that asks, so that a changed helper file is read anew together with its plugin.
 */
const resolveOwn: Resolve = (specifier, context, next) => {
  const own = OWN[specifier]
  if (own !== undefined) return { url: own, shortCircuit: true }
  const resolved = asModule(next(specifier, context))
  const version = context.parentURL && versionIn(context.parentURL)
  if (!version || !/^\.{1,2}\//.test(specifier)) return resolved
  const url = new URL(resolved.url)
  url.searchParams.set(VERSION, version)
  return { ...resolved, url: url.href }
}

/** TypeScript of a plugin is an ES module, also where no package.json says so; asking Node to find out costs a warning. */
function asModule(resolved: ReturnType<Resolve>): ReturnType<Resolve> {
  const isTypeScript =
    resolved.url.includes(VERSION) && new URL(resolved.url).pathname.endsWith('.ts')
  return isTypeScript && resolved.format !== 'commonjs-typescript'
    ? { ...resolved, format: 'module-typescript' }
    : resolved
}

function versionIn(url: string): string | null {
  return url.includes(VERSION) ? new URL(url).searchParams.get(VERSION) : null
}

async function urlOf(
  found: Exclude<FoundPlugin, { source: 'code' }>,
  seen: Set<string>,
): Promise<string> {
  const path = await insideOf(found.directory, compiledName(found.directory, found.manifest.entry))
  const url = pathToFileURL(path)
  // what comes with the package changes with the package
  if (found.source === 'built-in') return url.href
  const digest = await digestFolder(found.directory)
  if (!seen.has(`${path}\0${digest}`) && seen.size >= MAX_VERSIONS)
    throw new AppError(
      'PLUGIN_LOAD',
      `plugin files changed ${MAX_VERSIONS} times in this process; restart it`,
    )
  seen.add(`${path}\0${digest}`)
  url.searchParams.set(VERSION, digest.slice(0, 32))
  return url.href
}

// the published form of a manifest that says index.ts has index.js beside it
function compiledName(directory: string, entry: string): string {
  const compiled = entry.replace(/\.ts$/, '.js')
  return !existsSync(`${directory}/${entry}`) && existsSync(`${directory}/${compiled}`)
    ? compiled
    : entry
}

async function importModule(url: string, id: string): Promise<unknown> {
  try {
    return await import(/* @vite-ignore */ url)
  } catch (error) {
    throw new AppError(
      'PLUGIN_LOAD',
      `the module of the plugin "${id}" cannot be loaded: ${messageOf(error)}`,
      {
        cause: error,
      },
    )
  }
}

function definitionIn(module: unknown, id: string): PluginDefinition {
  const definition = isObject(module) ? module.default : undefined
  if (!isObject(definition) || typeof definition.setup !== 'function')
    throw new AppError(
      'PLUGIN_LOAD',
      `the module of the plugin "${id}" has no default export made with definePlugin()`,
    )
  if (definition.id !== id)
    throw new AppError(
      'PLUGIN_LOAD',
      `the module says it is the plugin "${definition.id}", its manifest "${id}"`,
    )
  return definition as unknown as PluginDefinition
}
