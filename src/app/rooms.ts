// All rooms of one gateway, made in the order of their needs and wired to each other; nothing is started but the audit.
import { randomBytes, randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type Audit, createAudit } from '../audit/audit.ts'
import { createRedactor } from '../audit/redact.ts'
import type { Clock } from '../base/clock.ts'
import { createDeadlineWheel } from '../base/deadline.ts'
import type { Disposer } from '../base/dispose.ts'
import { AppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { SOURCES } from '../base/place.ts'
import type { LoadedConfig } from '../config/load.ts'
import { createEgress, type Egress } from '../egress/egress.ts'
import { createEngine, type Engine } from '../engine/engine.ts'
import { conditionCompiler, createExpression, type Expression } from '../expression/expression.ts'
import { createCursors } from '../gateway/catalog/cursor.ts'
import { createListed } from '../gateway/catalog/listed.ts'
import type { Room } from '../gateway/exchange.ts'
import { createHeldCalls } from '../gateway/input/held.ts'
import { createInputStates } from '../gateway/input/state.ts'
import { instanceOf } from '../gateway/links.ts'
import { createFanout, type Fanout } from '../gateway/notification/fanout.ts'
import { createClientLabels, createSessions } from '../gateway/session.ts'
import { EventMemory } from '../gateway/stream/memory.ts'
import { createSubscriptions } from '../gateway/subscription/ledger.ts'
import { createListens } from '../gateway/subscription/listens.ts'
import { createTaskIds } from '../gateway/task/ids.ts'
import { createHost } from '../host/host.ts'
import type { AnyOf } from '../identity/authorize/rule.ts'
import { POINTS, type Points } from '../points/table.ts'
import { createKnownCatalogue, type KnownCatalogue } from '../registry/catalogue/known.ts'
import { NO_MEMORY } from '../registry/catalogue/memory.ts'
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import { createProcessGuard } from '../upstream/stdio/guard.ts'
import { type Attestation, createAttestation } from './attestation/attestation.ts'
import type { GatewayOptions } from './gateway.ts'
import { type AssembleOptions, type Assembly, assemble } from './generation/assemble.ts'
import { loadPoints, type Origin } from './generation/reload.ts'
import { createIdentityRoom } from './identity.ts'
import { probe } from './inspect/probe.ts'
import { createDigests, type Digests } from './report/digests.ts'
import { observeRuntime, upstreamEvents } from './report/events.ts'
import { createReport } from './report/report.ts'
import { auditSinks, type Stdout } from './report/sinks.ts'
import { loginReceiver, tellLife } from './report/told.ts'
import type { GatewayConfig } from './sections.ts'
import { SELF } from './self.ts'

export const BUILT_IN = fileURLToPath(new URL('../plugins/', SOURCES))

/** The one reference that a reload swaps. */
export interface Current {
  assembly: Assembly | undefined
  /** What it was made of. */
  origin?: Origin | undefined
}

export interface Rooms {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly engine: Engine<Points>
  readonly room: Room
  readonly fanout: Fanout
  /** What is known of what servers list. */
  readonly catalogue: KnownCatalogue
  readonly digests: Digests
  readonly attestation: Attestation
  /** Builds a generation beside the running one. */
  build(
    loaded: LoadedConfig<GatewayConfig>,
    previous: Assembly | undefined,
    how?: BuildOptions,
  ): Promise<Assembly>
  /** Loads one entry or policy and lets it go again. Rejects with what is wrong with it. */
  probe(loaded: LoadedConfig<GatewayConfig>, name: string): Promise<void>
  /** What patterns of rules are compiled with. */
  readonly anyOf: AnyOf
  /** What happened before anybody could be told is told now. */
  inForce(): void
}

export type BuildOptions = Pick<
  AssembleOptions,
  'admit' | 'override' | 'entities' | 'patience' | 'keepPlugins'
>

export interface RoomDeps {
  readonly options: GatewayOptions
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly log: Logger
  readonly current: Current
  /** Takes what has to be released. */
  readonly owned: Disposer
  readonly stdout: Stdout
}

/** Rejects when an audit sink cannot be opened. */
export async function createRooms(deps: RoomDeps): Promise<Rooms> {
  const { config, clock, log, current, owned, options, stdout } = deps
  const telemetry = createTelemetry()
  const audit = createAudit({
    sinks: await auditSinks(config, { clock, log, stdout }),
    clock,
    log,
    redact: createRedactor({
      members: config.audit.redact,
      arguments: config.audit.arguments,
    }),
  })
  owned.defer(() => audit.close())
  await audit.start()
  tellLife(audit, 'start')
  const expression = createExpression()
  const digests = createDigests()
  const report = createReport({
    telemetry,
    audit,
    log,
    current: () => current.assembly?.runtime,
    now: clock.now,
    createId: randomUUID,
    digests,
    withArguments: config.audit.arguments !== 'none',
  })
  const compiler = conditionCompiler(expression)
  const engine = createEngine<Points>(POINTS, {
    clock,
    expression: compiler,
    sink: report.sink,
    defer: setImmediate,
    writes: process.env.NODE_ENV === 'production' ? 'ignore' : 'throw',
    passes: true,
  })
  const egress = createEgress({ allowedHosts: config.network.allowed_hosts, clock, log })
  owned.defer(() => egress.close())
  const attestation = createAttestation({
    clock,
    log,
    telemetry,
    audit,
    egress,
    current,
    env: options.env ?? process.env,
    async store() {
      const { openKept } = await import('./attestation/kept.ts')
      return openKept(config.store, options.store, clock)
    },
  })
  owned.defer(() => attestation.close())
  const host = createPluginHost(deps, { audit, expression, telemetry, egress, attestation })
  const subscriptions = createSubscriptions()
  const listens = createListens()
  const sessions = createSessions({
    clock,
    max: () => current.assembly?.loaded.config.limits.sessions ?? config.limits.sessions,
    createId: randomUUID,
    ended(session, cause) {
      for (const { own } of current.assembly?.runtime.upstreams.values() ?? [])
        own?.release(instanceOf(session))
      subscriptions.leaveAll(session)
      report.sessionEnded(session, cause)
    },
  })
  owned.defer(() => sessions.close())
  const wheel = createDeadlineWheel(clock)
  const catalogue = createKnownCatalogue(NO_MEMORY)
  const room: Room = {
    clock,
    wheel,
    log,
    self: SELF,
    sessions,
    subscriptions,
    listens,
    cursors: createCursors(randomBytes(32)),
    listed: createListed(),
    createId: randomUUID,
    current: () => runningOf(current).runtime,
    report,
    memory: new EventMemory(() => runningOf(current).runtime.limits),
    streams: new Set(),
    labelsOf: createClientLabels(clock.now),
    states: createInputStates(randomBytes(32), clock.wall),
    tasks: createTaskIds(randomBytes(32)),
    held: createHeldCalls({ wheel, createId: randomUUID }),
    deliver: (session, upstream, message) => fanout.toSession(session, upstream, message),
    updated: (upstream, key, message) => fanout.ofInstance(upstream, key, message),
  }
  owned.defer(() => room.held.close())
  const fanout = createFanout(room)
  observeRuntime(telemetry, engine, room, audit, () => current.assembly)
  const guard = createProcessGuard({ clock, log })
  owned.defer(() => guard.close())
  const events = upstreamEvents({
    telemetry,
    audit,
    log,
    fanout: () => (current.assembly ? fanout : undefined),
    current: () => current.assembly?.runtime,
    createId: randomUUID,
    attestation,
  })
  const parts = {
    hasSessions: () => sessions.size > 0,
    identity:
      options.identity ??
      createIdentityRoom({ clock, log, expression, egress, logins: loginReceiver(audit) }),
    engine,
    host,
    self: SELF,
    expression: compiler,
    upstream: { clock, log, clientInfo: SELF, events, guard, wheel },
    arrived: fanout.arrived,
    catalogue: { known: catalogue, createId: randomUUID },
    attestation,
  }
  return {
    telemetry,
    audit,
    engine,
    room,
    fanout,
    catalogue,
    digests,
    attestation,
    async build(loaded, previous, how = {}) {
      const next = await assemble(loaded, previous, parts, {
        code: options.plugins,
        unsafeWithout: options.unsafeWithout,
        ...loadPoints(previous?.runtime, randomUUID),
        ...how,
      })
      digests.add(next.runtime.generation.id, loaded)
      return next
    },
    probe: (loaded, name) => probe(parts, options, loaded, name),
    anyOf: compiler.anyOf,
    inForce: events.flush,
  }
}

/** Throws SHUTTING_DOWN when nothing runs (any more). */
export function runningOf(current: Current): Assembly {
  if (!current.assembly) throw new AppError('SHUTTING_DOWN', 'the gateway is not running')
  return current.assembly
}

interface HostParts {
  readonly audit: Audit
  readonly expression: Expression
  readonly telemetry: Telemetry
  readonly egress: Egress
  readonly attestation: Attestation
}

function createPluginHost(
  { clock, log, current, owned, options }: RoomDeps,
  { audit, expression, telemetry, egress, attestation }: HostParts,
) {
  const host = createHost({
    clock,
    log,
    expression,
    builtInDir: BUILT_IN,
    audit: (event) => audit.write(event),
    async toolDefinition(server, name) {
      const catalogs = current.assembly?.runtime.catalogs
      return (
        (await catalogs?.legacy.definition('tools', server, name)) ??
        (await catalogs?.modern.definition('tools', server, name))
      )
    },
    egress,
    attestation,
    metrics: { count: telemetry.pluginCounter },
    ...(options.env ? { env: options.env } : {}),
  })
  owned.defer(() => host.close())
  return host
}
