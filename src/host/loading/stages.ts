// One entry from checked to loaded: permit, judge, load, set up, register - each a function, undone in reverse when one fails.
import { createHash } from 'node:crypto'
import { createDisposer } from '../../base/dispose.ts'
import { type AppError, isAppError, messageOf } from '../../base/errors.ts'
import { canonicalText } from '../../base/json.ts'
import type { Registration } from '../../engine/registry.ts'
import type { Permissions, PluginDefinition } from '../../plugin.ts'
import { digestFolder } from '../discovery/files.ts'
import type { ModuleLoader } from '../discovery/module.ts'
import { assertTrusted, intersect, mayAuthorize } from '../permissions.ts'
import { createServices, type SharedServices } from '../services/services.ts'
import type { StorageShelf } from '../services/shelf.ts'
import type { BoundEntry } from './bind.ts'
import { type Deadlines, type LoadedInstance, setUp } from './instance.ts'
import type { Judge, PreLoad } from './judge.ts'
import { registrationsOf } from './registration.ts'

/** An entry all of whose configuration was checked. */
export interface ReadyEntry extends BoundEntry {
  readonly settings: Readonly<Record<string, unknown>>
}

export type Attempt =
  | {
      readonly state: 'loaded'
      readonly registrations: readonly Registration[]
      close(): Promise<void>
    }
  | {
      readonly state: 'vetoed' | 'failed' | 'declined'
      readonly reason: string
      readonly cause?: AppError
    }

export interface Stages {
  /** Never rejects. */
  attempt(ready: ReadyEntry, judge: Judge): Promise<Attempt>
}

export interface StageParts {
  readonly services: SharedServices
  readonly modules: ModuleLoader
  readonly shelf: StorageShelf
  readonly deadlines: Deadlines
}

export function createStages(parts: StageParts): Stages {
  return {
    async attempt(ready, judge) {
      try {
        permit(ready)
        const refused = await askJudge(ready, judge)
        if (refused) return refused
        const definition = await parts.modules.load(ready.found)
        return await startInstance(ready, definition, parts)
      } catch (error) {
        return failed(error)
      }
    },
  }
}

function permit({ entry, facts }: ReadyEntry): void {
  assertTrusted(facts.id, facts.permissions, entry.grants)
}

async function askJudge(ready: ReadyEntry, judge: Judge): Promise<Attempt | null> {
  const outcome = await judge(preLoadOf(ready))
  if (outcome.kind === 'deny') {
    const { reason, code, entry } = outcome.violation
    return { state: 'vetoed', reason: `vetoed by ${entry}: ${reason} (${code})` }
  }
  return outcome.kind === 'fault' ? failed(outcome.fault) : null
}

/** What plugin_pre_load and plugin_post_load are told of an entry. */
export function preLoadOf({ entry, facts, hooks }: BoundEntry): PreLoad {
  return {
    entry: entry.name,
    plugin: facts.id,
    version: facts.version,
    source: facts.source,
    hooks: hooks ?? [],
    permissions: effective(facts.permissions, entry.grants),
    sideEffects: facts.sideEffects,
  }
}

// what it will be able to do; a plugin whose trusted part is not granted in full is not loaded at all
function effective(asked: Permissions, granted: Permissions): Record<string, unknown> {
  const authorize = asked.authorize === undefined ? {} : { authorize: mayAuthorize(asked, granted) }
  return { ...asked, ...intersect(asked, granted), ...authorize }
}

async function startInstance(
  ready: ReadyEntry,
  definition: PluginDefinition,
  parts: StageParts,
): Promise<Attempt> {
  const { entry, facts, hooks, settings } = ready
  const { services, shelf, deadlines } = parts
  const digest = await digestOf(ready)
  const owned = createDisposer()
  const kept = shelf.take(entry.name, facts.id)
  owned.defer(kept.giveBack)
  const host = createServices(services, {
    entry: entry.name,
    plugin: facts.id,
    points: hooks ?? [],
    allowed: intersect(facts.permissions, entry.grants),
    storage: kept.storage,
  })
  let instance: LoadedInstance | false = false
  try {
    instance = await setUp(definition, settings, host, ready, deadlines, services.log)
  } finally {
    if (instance === false) await owned.dispose()
  }
  if (instance === false)
    return { state: 'declined', reason: 'its setup declined this configuration' }
  owned.defer(instance.close)
  const registrations = registrationsOf(ready, instance, services.dryRuns, digest)
  return { state: 'loaded', registrations, close: () => owned.dispose() }
}

/** Of what decides how the entry judges: the plugin's version, its files where they may change, its configuration and rights. */
async function digestOf({ entry, facts, found, settings }: ReadyEntry): Promise<string> {
  const files = found.source === 'directory' ? await digestFolder(found.directory) : undefined
  const { version } = facts
  const text = canonicalText({ version, files, settings, grants: entry.grants })
  return createHash('sha256').update(text).digest('base64url')
}

function failed(error: unknown): Attempt {
  const reason = messageOf(error)
  return isAppError(error) ? { state: 'failed', reason, cause: error } : { state: 'failed', reason }
}
