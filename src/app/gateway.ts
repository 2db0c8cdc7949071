// A gateway without listeners: every room is made here, handed to those that need it, and closed in reverse order.
import { randomBytes, randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { RequestHandler } from 'express'
import { type AdminHandle, adminMiddleware, type Readiness } from '../admin/server.ts'
import { createAudit } from '../audit/audit.ts'
import { createRedactor } from '../audit/redact.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { createDisposer } from '../base/dispose.ts'
import { AppError } from '../base/errors.ts'
import type { Logger, LogLevel } from '../base/log.ts'
import type { LoadedConfig } from '../config/load.ts'
import { shownConfig } from '../config/print.ts'
import { createEgress } from '../egress/egress.ts'
import { createEngine, type Engine } from '../engine/engine.ts'
import { createExpression } from '../expression/expression.ts'
import { createCursors } from '../gateway/catalog/cursor.ts'
import { createEndpoint, type HttpHandler } from '../gateway/endpoint.ts'
import type { Room } from '../gateway/exchange.ts'
import { createFanout } from '../gateway/fanout.ts'
import { asMiddleware } from '../gateway/http.ts'
import { createSessions } from '../gateway/session.ts'
import { createHost } from '../host/host.ts'
import type { PluginDefinition } from '../plugin.ts'
import { POINTS, type Points } from '../points/table.ts'
import { createTelemetry } from '../telemetry/telemetry.ts'
import { type Assembly, assemble, retire } from './assemble.ts'
import { observeRuntime, upstreamEvents } from './events.ts'
import { loadPoints } from './loading.ts'
import { createLog } from './log.ts'
import { type ReloadResult, reload } from './reload.ts'
import { createReport } from './report.ts'
import { configLoader, type GatewayConfig } from './sections.ts'
import { auditSinks } from './sinks.ts'
import { readinessOf } from './status.ts'

export interface GatewayOptions {
  /** The configuration as an object of the shape of the file; nothing is substituted in it. */
  readonly config?: unknown
  /** Or a YAML file; only a file can be reloaded. */
  readonly configFile?: string
  readonly profile?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Overrides by path, such as `{ 'listen.port': 0 }`. */
  readonly flags?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Plugins in code, under the same two gates as all others. */
  readonly plugins?: readonly PluginDefinition[]
  /** Entries and policies to leave out although they are configured: breaks the glass, audited, shown on /readyz. */
  readonly unsafeWithout?: readonly string[]
  readonly log?: Logger
  readonly clock?: Clock
}

/** A gateway without listeners. */
export interface Gateway {
  /** The MCP endpoint as Express middleware, for any path, also behind `express.json()`. */
  mcp(): RequestHandler
  /** /healthz, /readyz and /metrics as Express middleware. */
  admin(): RequestHandler
  /** Reads the file again and swaps generations; never rejects. */
  reload(): Promise<ReloadResult>
  /** Takes no more requests, waits for those in flight up to `limits.drain`, closes everything. Idempotent. */
  close(): Promise<void>
  readiness(): Readiness
  readonly engine: Engine<Points>
  /** What runs now: configuration, entries, servers. */
  readonly state: () => Assembly
  readonly log: Logger
  readonly clock: Clock
  readonly adminHandle: AdminHandle
  /** What `mcp()` wraps, for a server without Express. */
  readonly endpoint: HttpHandler
  /** From now on not ready: load balancers stop sending. */
  drain(): void
}

export const SELF = { name: 'portcullis', version: '0.1.0' } as const
export const BUILT_IN = fileURLToPath(new URL('../../plugins/', import.meta.url))

/**
 * Loads the configuration, plugins and servers. Rejects with CONFIG_INVALID, PLUGIN_GATE, PLUGIN_LOAD, UPSTREAM_UNAVAILABLE and
 * the like when it must not start; nothing is left running then.
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const clock = options.clock ?? systemClock
  const loader = configLoader()
  const read = () => readConfig(loader, options)
  const loaded = await read()
  const { config } = loaded
  const log = options.log ?? createLog(config.telemetry.log.level as LogLevel)
  const owned = createDisposer()
  let current: Assembly | undefined
  let closing: Promise<void> | undefined
  let draining = false
  const createId = () => randomUUID()
  const running = (): Assembly => {
    if (!current) throw new AppError('SHUTTING_DOWN', 'the gateway is not running')
    return current
  }

  try {
    const telemetry = createTelemetry()
    const audit = createAudit({
      sinks: auditSinks(config, clock, log),
      clock,
      log,
      redact: createRedactor(),
    })
    owned.defer(() => audit.close())
    await audit.start()
    const expression = createExpression()
    const egress = createEgress({ allowedHosts: config.network.allowed_hosts, clock, log })
    owned.defer(() => egress.close())
    const report = createReport({
      telemetry,
      audit,
      log,
      current: () => current?.runtime,
      now: clock.now,
      createId,
    })
    const engine = createEngine<Points>(POINTS, {
      clock,
      expression: {
        anyOf: (texts, given) => expression.anyOf(texts, given),
        cel: (source) => expression.cel(source, undefined, 'bool'),
      },
      sink: report.sink,
      defer: setImmediate,
      writes: process.env.NODE_ENV === 'production' ? 'ignore' : 'throw',
      passes: true,
    })
    const host = createHost({
      clock,
      log,
      expression,
      builtInDir: BUILT_IN,
      audit: (event) => audit.write(event),
      toolDefinition: async (server, name) => {
        const catalogs = current?.runtime.catalogs
        return (
          (await catalogs?.legacy.definition('tools', server, name)) ??
          (await catalogs?.modern.definition('tools', server, name))
        )
      },
      egress,
      ...(options.env ? { env: options.env } : {}),
    })
    owned.defer(() => host.close())
    const sessions = createSessions({
      clock,
      max: config.limits.sessions,
      createId,
      ended: report.sessionEnded,
    })
    owned.defer(() => sessions.close())
    const room: Room = {
      clock,
      log,
      self: SELF,
      sessions,
      cursors: createCursors(randomBytes(32)),
      createId,
      current: () => running().runtime,
      report,
    }
    const fanout = createFanout(room)
    const deps = {
      engine,
      host,
      self: SELF,
      upstream: {
        clock,
        log,
        clientInfo: SELF,
        events: upstreamEvents({
          telemetry,
          audit,
          log,
          fanout: () => (current ? fanout : undefined),
        }),
      },
    }
    const build = (next: LoadedConfig<GatewayConfig>, previous: Assembly | undefined) =>
      assemble(next, previous, deps, {
        ...(options.plugins ? { code: options.plugins } : {}),
        ...(options.unsafeWithout ? { unsafeWithout: options.unsafeWithout } : {}),
        ...loadPoints(previous?.runtime, createId),
      })
    current = await build(loaded, undefined)
    observeRuntime(telemetry, engine, sessions, audit, () => current)
    const endpoint = createEndpoint(room)
    let reloading: Promise<unknown> = Promise.resolve()

    const gateway: Gateway = {
      mcp: () => asMiddleware(endpoint),
      admin: () => adminMiddleware(adminHandle),
      reload() {
        const run = () =>
          reload({
            current: running,
            read,
            build,
            createId,
            shown: shownConfig,
            swap(next, diff) {
              const old = running()
              current = next
              for (const server of new Set([
                ...diff.servers.added,
                ...diff.servers.changed,
                ...diff.servers.removed,
              ]))
                fanout.changed(server)
              void retire(
                old,
                next,
                (ms) => new Promise((resolve) => clock.after(ms, resolve)),
                log,
              )
            },
          })
        const next = reloading.then(run)
        reloading = next
        return next.then((result) => {
          reportReload(result)
          return result
        })
      },
      close() {
        draining = true
        closing ??= shutDown()
        return closing
      },
      readiness: () =>
        readinessOf(current, {
          draining,
          auditHealthy: audit.healthy,
          stats: engine.stats,
        }),
      engine,
      state: running,
      log,
      clock,
      endpoint,
      drain() {
        draining = true
        sessions.closeStreams()
      },
      get adminHandle() {
        return adminHandle
      },
    }
    const adminHandle: AdminHandle = {
      metrics: () =>
        running().loaded.config.telemetry.prometheus ? telemetry.prometheus() : undefined,
      readiness: () => gateway.readiness(),
    }
    return gateway

    function reportReload(result: ReloadResult): void {
      if (result.outcome === 'unchanged') {
        log.info({}, 'reload: nothing has changed')
        return
      }
      const applied = result.outcome === 'applied'
      telemetry.configReload(applied ? 'ok' : 'refused')
      audit.write({
        kind: applied ? 'reload' : 'reload_refused',
        changed: result.changed,
        ...(result.reason ? { reason: result.reason } : {}),
      })
      if (applied)
        log.info(
          { changed: result.changed, generation: running().runtime.generation.id },
          'reload: the new configuration is in force',
        )
      else
        log.error({ reason: result.reason }, 'reload refused: the old configuration stays in force')
    }

    async function shutDown(): Promise<void> {
      await reloading.catch(() => {})
      const last = current
      if (last) {
        await Promise.race([
          last.runtime.drained(),
          new Promise<void>((resolve) => clock.after(last.loaded.config.limits.drain, resolve)),
        ])
        for (const { entry, point, since } of engine.inflight)
          log.warn(
            { entry, point, ms: Math.round(clock.now() - since) },
            'a plugin has not answered at shutdown',
          )
        sessions.close()
        await retire(last, undefined, async () => {}, log)
      }
      await owned.dispose()
    }
  } catch (error) {
    await owned.dispose().catch(() => {})
    throw error
  }
}

export function readConfig(
  loader: ReturnType<typeof configLoader>,
  options: GatewayOptions,
): Promise<LoadedConfig<GatewayConfig>> {
  const { configFile, config, profile, env = process.env, flags } = options
  if (configFile !== undefined)
    return loader.load({ file: configFile, profile, env, ...(flags ? { flags } : {}) })
  return Promise.resolve().then(() => loader.fromObject(config ?? { version: 1 }))
}
