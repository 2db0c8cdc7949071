// One generation of everything, built whole beside the running one: plugins, servers, catalogues, compiled points.
import { createDisposer } from '../../base/dispose.ts'
import { messageOf } from '../../base/errors.ts'
import { canonicalText } from '../../base/json.ts'
import type { LoadedConfig } from '../../config/load.ts'
import type { ExpressionCompiler } from '../../engine/condition.ts'
import type { Engine, EngineLimits, Generation } from '../../engine/engine.ts'
import { createCatalog } from '../../gateway/catalog/catalog.ts'
import type { CatalogueGate } from '../../gateway/catalog/gate.ts'
import type { ListKind } from '../../gateway/catalog/listing.ts'
import type { Self } from '../../gateway/meta.ts'
import { createRuntime, type Runtime } from '../../gateway/runtime.ts'
import { createVirtualServer } from '../../gateway/virtual/selection.ts'
import type { LoadedPlugins, LoadOptions, PluginHostRoom } from '../../host/host.ts'
import type { Points } from '../../points/table.ts'
import type { Override } from '../../registry/catalogue/gate.ts'
import { isJudged } from '../../registry/catalogue/kinds.ts'
import type { KnownCatalogue } from '../../registry/catalogue/known.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { UpstreamDeps } from '../../upstream/client.ts'
import type { ServerConfig } from '../../upstream/options.ts'
import type { Attestation } from '../attestation/attestation.ts'
import type { Preparation } from '../attestation/room.ts'
import type { IdentityRoom } from '../identity.ts'
import type { GatewayConfig } from '../sections.ts'
import { systemRequest } from './reload.ts'
import { type OwnedServer, startServers } from './servers.ts'

/** A runtime with what it owns. */
export interface Assembly {
  readonly loaded: LoadedConfig<GatewayConfig>
  readonly runtime: Runtime
  readonly plugins: LoadedPlugins
  readonly servers: ReadonlyMap<string, OwnedServer>
  /** Who may serve is found out as this says; undefined: everybody may. */
  readonly preparation: Preparation | undefined
}

/** What became of the declared servers at their points. */
export interface Admissions {
  /** Names and reasons. */
  readonly quarantined: ReadonlyMap<string, string>
  readonly rewritten: ReadonlyMap<string, ServerConfig>
}

export interface AssembleOptions extends Omit<LoadOptions, 'locate'> {
  /** At start the first generation judges what is declared, before any of it is started. */
  readonly admit?: ((generation: Generation<Points>) => Promise<Admissions>) | undefined
  readonly override?: Override | undefined
  /** What the store says about who asks. */
  readonly entities?: IdentityEntities | undefined
  /** Milliseconds to wait for the first attempt of new servers. */
  readonly patience?: number
  /** Where no entry and no policy has changed all go on as they are; otherwise all are loaded anew. */
  readonly keepPlugins?: boolean
}

export interface AssembleDeps {
  readonly engine: Engine<Points>
  readonly host: PluginHostRoom
  readonly upstream: Omit<UpstreamDeps, 'limits'>
  readonly self: Self
  readonly hasSessions: () => boolean
  readonly identity: IdentityRoom
  /** What lists were answered without has come. */
  readonly arrived: (kind: ListKind) => void
  /** What is known of what servers list, over all generations, and how the gate of the catalogue asks about it. */
  readonly catalogue: CatalogueDeps
  /** What patterns of names and URIs are compiled with. */
  readonly expression: Pick<ExpressionCompiler, 'anyOf'>
  /** Who may serve, and how that is found out. */
  readonly attestation: Pick<Attestation, 'prepare' | 'begin' | 'drop'>
}

export interface CatalogueDeps {
  readonly known: KnownCatalogue
  readonly createId: () => string
  /** Undefined: nobody overrides what servers list. */
  readonly override?: Override | undefined
}

/** How long a start waits for the first attempt of all servers; those that take longer come in when they are ready. */
const FIRST_ATTEMPT = 20_000

/** Rejects, with nothing left behind, when a plugin that is required does not load or a server that is required does not start. */
export async function assemble(
  loaded: LoadedConfig<GatewayConfig>,
  previous: Assembly | undefined,
  deps: AssembleDeps,
  options: AssembleOptions,
): Promise<Assembly> {
  const { config } = loaded
  const undo = createDisposer()
  try {
    const limits = engineLimits(config)
    const plugins = await pluginsFor(loaded, previous, deps, options)
    if (plugins !== previous?.plugins) undo.defer(() => plugins.close())
    const generation = deps.engine.generation(plugins.registrations, limits)
    const preparation = await deps.attestation.prepare(loaded, generation)
    const admissions = (await options.admit?.(generation)) ?? ALL_ADMITTED
    const servers = await startServers(admitted(config, admissions), previous?.servers, deps, {
      undo,
      admissions,
      preparation,
      patience: options.patience ?? FIRST_ATTEMPT,
    })
    const upstreams = new Map([...servers].map(([name, { upstream }]) => [name, upstream]))
    const gate = await gateOf(generation, () => runtime.pin(), deps, options.override)
    const catalog = (era: 'legacy' | 'modern') =>
      createCatalog({
        era,
        upstreams: [...upstreams.values()],
        naming: config.namespacing,
        clock: deps.upstream.clock,
        log: deps.upstream.log,
        timeout: Math.min(10_000, config.limits.request_timeout),
        client: deps.self,
        arrived: deps.arrived,
        gate,
      })
    const catalogs = { legacy: catalog('legacy'), modern: catalog('modern') }
    const runtime: Runtime = createRuntime({
      generation,
      gate: await deps.identity(config, options.entities),
      upstreams,
      catalogs,
      limits: config.limits,
      engineLimits: limits,
      listen: config.listen,
      selections: config.virtual_servers.map((options) =>
        createVirtualServer(options, deps.expression.anyOf),
      ),
    })
    return { loaded, runtime, plugins, servers, preparation }
  } catch (error) {
    await undo.dispose()
    throw error
  }
}

const ALL_ADMITTED: Admissions = { quarantined: new Map(), rewritten: new Map() }

function admitted(config: GatewayConfig, { rewritten }: Admissions): GatewayConfig {
  if (rewritten.size === 0) return config
  return {
    ...config,
    servers: config.servers.map((server) => rewritten.get(server.name) ?? server),
  }
}

async function pluginsFor(
  loaded: LoadedConfig<GatewayConfig>,
  previous: Assembly | undefined,
  deps: AssembleDeps,
  options: AssembleOptions,
): Promise<LoadedPlugins> {
  const { plugins, policies } = loaded.config
  if (options.keepPlugins && previous) {
    const { config: old } = previous.loaded
    const before = canonicalText([old.plugins, old.policies, engineLimits(old)])
    if (before === canonicalText([plugins, policies, engineLimits(loaded.config)]))
      return previous.plugins
  }
  return deps.host.load(
    { plugins, policies, limits: engineLimits(loaded.config) },
    { ...options, locate: (path) => loaded.locate(path) },
  )
}

/** Nothing of it is loaded where nobody judges what servers list. */
async function gateOf(
  generation: Generation<Points>,
  hold: () => () => void,
  { catalogue, upstream, self }: AssembleDeps,
  ofStore: Override | undefined,
): Promise<CatalogueGate | undefined> {
  const { known, createId } = catalogue
  const override = ofStore ?? catalogue.override
  if (!override && !isJudged(generation)) return undefined
  const { createCatalogueGate } = await import('../../registry/catalogue/gate.ts')
  return createCatalogueGate({
    generation,
    known,
    override,
    requestFor: () => systemRequest(createId(), 'catalogue/sync', { generation }),
    hold,
    clock: upstream.clock,
    log: upstream.log,
    version: self.version,
  })
}

export function engineLimits({ limits }: GatewayConfig): EngineLimits {
  return {
    payload: limits.payload,
    points: limits.points as Record<string, number>,
    depth: limits.depth,
    dispatch: limits.dispatch,
  }
}

export interface RetireDeps {
  /** Resolves when the time is over. */
  readonly patience: (ms: number) => Promise<void>
  /** Resolves when no observer has anything left to see. */
  readonly observed: () => Promise<void>
  readonly log: UpstreamDeps['log']
}

/** Lets go of what an old assembly owns and its successor does not, once nobody uses it or the time is over. */
export async function retire(
  old: Assembly,
  successor: Assembly | undefined,
  { patience, observed, log }: RetireDeps,
): Promise<void> {
  // observers run after the answer: until they have, their plugins are in use
  const unused = old.runtime.drained().then(observed)
  await Promise.race([unused, patience(old.loaded.config.limits.drain)])
  const gone = [...old.servers].filter(
    ([name, { upstream }]) => successor?.servers.get(name)?.upstream !== upstream,
  )
  const ends = await Promise.allSettled([
    ...gone.map(([, { upstream }]) => upstream.close()),
    ...(successor?.plugins === old.plugins ? [] : [old.plugins.close()]),
  ])
  for (const end of ends)
    if (end.status === 'rejected')
      log.warn(
        { error: messageOf(end.reason) },
        'something of an old generation could not be closed',
      )
}
