// The plugin host: from the sections `plugins` and `policies` to registrations for the engine, step by visible step, all or nothing.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { EngineLimits } from '../engine/engine.ts'
import type { Registration } from '../engine/registry.ts'
import type { Expression } from '../expression/expression.ts'
import type { PluginDefinition } from '../plugin.ts'
import { type Catalogue, discover } from './discovery/discover.ts'
import { createManifestParser } from './discovery/manifest.ts'
import { createModuleLoader } from './discovery/module.ts'
import { factsOf } from './loading/bind.ts'
import type { Deadlines } from './loading/instance.ts'
import type { Judge, Observe } from './loading/judge.ts'
import { runLoad } from './loading/load.ts'
import { createStages } from './loading/stages.ts'
import type { PluginsOptions, Policy } from './options.ts'
import type { LoadProblem, Locate } from './problem.ts'
import { createConfigSchemas, createForeignSchemas } from './services/schema.ts'
import type {
  Audit,
  HostAttestation,
  HostEgress,
  HostMetrics,
  SharedServices,
  ToolDefinition,
} from './services/services.ts'
import { createStorageShelf } from './services/shelf.ts'
import { createDryRuns } from './services/storage.ts'
import { createText } from './services/text.ts'
import type { AvailablePlugin, EntryStatus } from './status.ts'

export interface HostDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly expression: Expression
  /** The folder of the plugins that come with the package; undefined: there are none. */
  readonly builtInDir: string | undefined
  /** Must not throw and must not wait. */
  readonly audit: Audit
  readonly toolDefinition: ToolDefinition
  readonly egress?: HostEgress | undefined
  readonly metrics?: HostMetrics | undefined
  /** Undefined: nothing is attested, and the verdict on every server is `none`. */
  readonly attestation?: HostAttestation | undefined
  /** What `host.secrets` reads from; the environment of the process when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds for one setup and for one close. */
  readonly deadlines?: Partial<Deadlines>
}

export interface HostConfig {
  readonly plugins: PluginsOptions
  readonly policies: readonly Policy[]
  readonly limits: EngineLimits
}

export interface LoadOptions {
  /** Where a value of the configuration stands; errors then name file, line and column. */
  readonly locate?: Locate | undefined
  readonly code?: readonly PluginDefinition[] | undefined
  /** On a reload: the running generation judges. At start the entries bound to plugin_pre_load judge those after them. */
  readonly judge?: Judge | undefined
  readonly observe?: Observe | undefined
  /** Names given with `--unsafe-without`: left out, whatever the gates and `required` say. */
  readonly unsafeWithout?: readonly string[] | undefined
}

export interface LoadedPlugins {
  readonly registrations: readonly Registration[]
  readonly entries: readonly EntryStatus[]
  readonly warnings: readonly LoadProblem[]
  /** Closes the instances in reverse order. Idempotent; never rejects. */
  close(): Promise<void>
}

export interface PluginHostRoom {
  /**
   * Rejects with PLUGIN_GATE, CONFIG_INVALID, PLUGIN_NOT_FOUND, PLUGIN_MANIFEST or PLUGIN_CONFIG when what is written is
   * wrong (all places in `data.problems`), and with PLUGIN_LOAD when a required entry cannot be loaded.
   */
  load(config: HostConfig, options?: LoadOptions): Promise<LoadedPlugins>
  /** Every plugin that could be used, for listings. */
  available(
    plugins: Pick<PluginsOptions, 'dirs'>,
    code?: readonly PluginDefinition[],
  ): Promise<AvailablePlugin[]>
  close(): void
}

const DEADLINES: Deadlines = { setup: 30_000, close: 10_000 }

export function createHost(deps: HostDeps): PluginHostRoom {
  const parse = createManifestParser()
  const modules = createModuleLoader()
  const shelf = createStorageShelf(deps.clock.now)
  const services: SharedServices = {
    clock: deps.clock,
    log: deps.log,
    expression: deps.expression,
    audit: deps.audit,
    toolDefinition: deps.toolDefinition,
    egress: deps.egress,
    metrics: deps.metrics,
    attestation: deps.attestation,
    env: deps.env ?? process.env,
    schemas: createForeignSchemas(deps.expression),
    configSchemas: createConfigSchemas(),
    text: createText(),
    dryRuns: createDryRuns(),
  }
  const stages = createStages({
    services,
    modules,
    shelf,
    deadlines: { ...DEADLINES, ...deps.deadlines },
  })
  const find = (
    dirs: readonly string[],
    code: readonly PluginDefinition[] = [],
  ): Promise<Catalogue> => discover({ builtInDir: deps.builtInDir, dirs, code }, parse)
  return {
    load: (config, options = {}) =>
      runLoad({
        config,
        options,
        services,
        stages,
        find: () => find(config.plugins.dirs, options.code),
      }),
    async available({ dirs }, code) {
      const { plugins } = await find(dirs, code)
      return Array.from(plugins.values(), (found) => ({
        ...factsOf(found),
        directory: found.source === 'code' ? undefined : found.directory,
      }))
    },
    close: () => modules.close(),
  }
}
