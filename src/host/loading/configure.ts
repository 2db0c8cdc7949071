// An entry's `config` against the plugin's own schema, with defaults; every fault has its place in the file. It runs no plugin code.
import { isAppError, messageOf } from '../../base/errors.ts'
import { deepFreeze, isObject } from '../../base/json.ts'
import { suggest } from '../../base/suggest.ts'
import type { FoundPlugin } from '../discovery/discover.ts'
import { insideOf, readText } from '../discovery/files.ts'
import { type LoadProblem, type Locate, loadProblem } from '../problem.ts'
import type { ConfigCheck, createConfigSchemas } from '../services/schema.ts'
import type { BoundEntry } from './bind.ts'

type Compile = ReturnType<typeof createConfigSchemas>
type Config = Readonly<Record<string, unknown>>

/** Reads each plugin's schema once for one load. */
export function createConfigurer(
  locate: Locate,
  report: (problem: LoadProblem) => void,
  compile: Compile,
): (bound: BoundEntry) => Promise<Config | undefined> {
  const checks = new Map<FoundPlugin, Promise<ConfigCheck | null>>()
  const checkOf = (found: FoundPlugin): Promise<ConfigCheck | null> => {
    let check = checks.get(found)
    if (check === undefined) {
      check = compileFor(found, compile)
      checks.set(found, check)
    }
    return check
  }
  return async (bound) => {
    const { entry, found } = bound
    let check: ConfigCheck | null
    try {
      check = await checkOf(found)
    } catch (error) {
      const place =
        found.source === 'code' ? locate(entry.path) : { file: found.file, line: 1, column: 1 }
      const code = isAppError(error) ? error.code : 'PLUGIN_MANIFEST'
      report(loadProblem(code, place, ['config_schema'], messageOf(error)))
      return undefined
    }
    return check ? checked(bound, check, locate, report) : unchecked(bound, locate, report)
  }
}

async function compileFor(found: FoundPlugin, compile: Compile): Promise<ConfigCheck | null> {
  if (found.source === 'code') {
    const { configSchema, id } = found.definition
    return configSchema === undefined ? null : compile(configSchema, id)
  }
  const { configSchema, id } = found.manifest
  if (configSchema === undefined) return null
  const schema: unknown = JSON.parse(await readText(await insideOf(found.directory, configSchema)))
  return compile(isObject(schema) ? schema : { not: {} }, id)
}

function checked(
  { entry }: BoundEntry,
  check: ConfigCheck,
  locate: Locate,
  report: (problem: LoadProblem) => void,
): Config | undefined {
  const { value, faults } = check(entry.config)
  for (const fault of faults) {
    const path = [...entry.configPath, ...fault.path]
    const suggestion = fault.key === undefined ? undefined : suggest(fault.key, fault.known ?? [])
    report(
      loadProblem(
        'PLUGIN_CONFIG',
        locate(path),
        path,
        `${entry.name}: ${fault.message}`,
        suggestion,
      ),
    )
  }
  return faults.length === 0 ? deepFreeze(value) : undefined
}

// a key that nobody reads is a mistake, also where there is no schema to say so
function unchecked(
  { entry, found, facts }: BoundEntry,
  locate: Locate,
  report: (problem: LoadProblem) => void,
): Config | undefined {
  const keys = Object.keys(entry.config)
  if (found.source === 'code' || keys.length === 0)
    return deepFreeze(structuredClone(entry.config) as Config)
  report(
    loadProblem(
      'PLUGIN_CONFIG',
      locate(entry.configPath),
      entry.configPath,
      `${entry.name}: the plugin "${facts.id}" has no config_schema and so takes no config`,
    ),
  )
  return undefined
}
