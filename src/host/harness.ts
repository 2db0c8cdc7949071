// One plugin in the real host and the real engine, for its author's tests: no gateway, no network, no configuration file.
import { basename } from 'node:path'
import type { AuditEvent } from '../audit/record.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { ConditionSet } from '../engine/condition.ts'
import {
  ANONYMOUS,
  type Principal,
  RequestContext,
  type RequestIdentity,
  type ServerInfo,
} from '../engine/context.ts'
import { createEngine, type EngineLimits, type Generation } from '../engine/engine.ts'
import type { Mode, OnError } from '../engine/mode.ts'
import type { Outcome } from '../engine/outcome.ts'
import { createRecorder, type StepTrace } from '../engine/trace.ts'
import { conditionCompiler, createExpression } from '../expression/expression.ts'
import type { Permissions, PluginDefinition } from '../plugin.ts'
import { type Answer, type Payload, POINTS, type PointName, type Points } from '../points/table.ts'
import { createHost, type LoadedPlugins } from './host.ts'
import type { PluginEntry } from './options.ts'
import type { HostAttestation, HostEgress } from './services/services.ts'

export interface HarnessOptions {
  /** A plugin as code, or the folder with its `plugin.yaml`: then its manifest and config schema are held to, too. */
  readonly plugin: PluginDefinition<never> | string
  readonly config?: Readonly<Record<string, unknown>>
  readonly grants?: Permissions
  /** `enforce` when absent. */
  readonly mode?: Mode
  readonly hooks?: readonly PointName[]
  readonly conditions?: readonly ConditionSet[]
  readonly when?: string
  readonly onError?: OnError
  readonly clock?: Clock
  /** What `host.secrets.env` reads from. */
  readonly env?: Readonly<Record<string, string>>
  /** What `host.toolDefinition` finds, by `server/name`. */
  readonly tools?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Answers `host.fetch`; without it every request is refused. */
  readonly fetch?: HostEgress['fetch']
  /** Answers `host.attestation.appraise`; without it the verdict is `none`. */
  readonly appraise?: HostAttestation['appraise']
  readonly limits?: Partial<EngineLimits>
}

export interface HarnessRequest {
  readonly principal?: Partial<Principal>
  readonly server?: Partial<ServerInfo> & { readonly name: string }
  readonly method?: string
  readonly era?: RequestIdentity['era']
  readonly client?: RequestIdentity['client']
  readonly session?: string
  readonly requestId?: string
  readonly labels?: readonly string[]
  readonly dryRun?: boolean
}

export interface HarnessResult<K extends PointName> {
  readonly outcome: Outcome<Payload<K>, Answer<K>>
  /** The payload as it would go on. */
  readonly payload: Payload<K>
  readonly steps: readonly StepTrace[]
  readonly labels: readonly string[]
}

/** Dispatches that share one request: what a plugin keeps in `context.state` at the pre-point is there at the post-point. */
export interface HarnessSession {
  dispatch<K extends PointName>(point: K, payload: Payload<K>): Promise<HarnessResult<K>>
}

export interface PluginHarness extends AsyncDisposable {
  /** One dispatch with a request of its own. */
  dispatch<K extends PointName>(
    point: K,
    payload: Payload<K>,
    request?: HarnessRequest,
  ): Promise<HarnessResult<K>>
  request(request?: HarnessRequest): HarnessSession
  /** Points the plugin runs at. */
  readonly points: readonly PointName[]
  /** What it emitted. */
  readonly events: readonly AuditEvent[]
  readonly logs: readonly {
    readonly level: string
    readonly message: string
    readonly fields: object
  }[]
  readonly counters: Readonly<Record<string, number>>
  close(): Promise<void>
}

const LIMITS: EngineLimits = {
  payload: 1024 ** 2,
  points: {},
  depth: 64,
  dispatch: { data: 10_000, control: 30_000, admission: 150_000 },
}

/** Loads the plugin. Rejects as the gateway would: PLUGIN_CONFIG, PLUGIN_MANIFEST, PLUGIN_LOAD, … */
export async function createPluginHarness(options: HarnessOptions): Promise<PluginHarness> {
  const seen = {
    events: [] as AuditEvent[],
    logs: [] as PluginHarness['logs'][number][],
    counters: {} as Record<string, number>,
  }
  const clock = options.clock ?? systemClock
  const expression = createExpression()
  const host = createHost({
    clock,
    expression,
    log: collectLogs(seen.logs),
    builtInDir: undefined,
    audit: (event) => void (event.kind === 'alert' && seen.events.push(event)),
    toolDefinition: async (server, name) => options.tools?.[`${server}/${name}`],
    egress: options.fetch && { fetch: options.fetch },
    attestation: options.appraise && { appraise: options.appraise },
    env: options.env ?? {},
    metrics: {
      count: (_entry, _plugin, name, value) => {
        seen.counters[name] = (seen.counters[name] ?? 0) + value
      },
    },
  })
  const limits = { ...LIMITS, ...options.limits }
  const loaded = await loadOne(host, options, limits)
  const engine = createEngine<Points>(POINTS, {
    clock,
    expression: conditionCompiler(expression),
    defer: (run) => setImmediate(run),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    writes: 'throw',
  })
  const generation = engine.generation(loaded.registrations, limits)
  let requests = 0
  const request = (given: HarnessRequest = {}): HarnessSession =>
    createSession(generation, given, ++requests)
  const close = async (): Promise<void> => {
    await loaded.close()
    host.close()
  }
  return {
    dispatch: (point, payload, given) => request(given).dispatch(point, payload),
    request,
    points: loaded.registrations.map(({ point }) => point as PointName),
    ...seen,
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Host = ReturnType<typeof createHost>

function loadOne(
  host: Host,
  options: HarnessOptions,
  limits: EngineLimits,
): Promise<LoadedPlugins> {
  const { plugin } = options
  const id = typeof plugin === 'string' ? undefined : plugin.id
  return typeof plugin === 'string'
    ? host
        .available({ dirs: [plugin] })
        .then(([found]) => load(found?.id ?? basename(plugin), [plugin], []))
    : load(id ?? '', [], [plugin as unknown as PluginDefinition])

  function load(use: string, dirs: string[], code: PluginDefinition[]): Promise<LoadedPlugins> {
    const entry = {
      name: use,
      use,
      mode: options.mode ?? 'enforce',
      priority: 100,
      required: true,
      grants: options.grants ?? {},
      config: options.config ?? {},
      ...(options.hooks ? { hooks: options.hooks } : {}),
      ...(options.conditions ? { conditions: options.conditions } : {}),
      ...(options.when === undefined ? {} : { when: options.when }),
    }
    const defaults = {
      timeout: 5000,
      on_error: options.onError ?? 'fail',
      breaker: { faults: 5, open: 30_000 },
    }
    const plugins = {
      enabled: true,
      allowed: [use],
      dirs,
      defaults,
      entries: [entry as PluginEntry],
    }
    return host.load({ plugins, policies: [], limits }, { code })
  }
}

function createSession(
  generation: Generation<Points>,
  given: HarnessRequest,
  count: number,
): HarnessSession {
  const {
    principal,
    server,
    labels = [],
    session,
    method = 'tools/call',
    era = 'modern',
    client,
    dryRun = false,
  } = given
  const request = new RequestContext({
    requestId: given.requestId ?? `request-${count}`,
    trace: undefined,
    era,
    surface: 'test',
    method,
    principal: { ...ANONYMOUS, ...principal },
    client,
    session,
    generation: 1,
    dryRun,
  })
  request.server = server && { tags: [], environment: undefined, tenant: undefined, ...server }
  for (const label of labels) request.addLabel(label)
  return {
    async dispatch(point, payload) {
      const recorder = createRecorder()
      const runner = generation.runner(point, { server: request.server })
      const outcome = runner
        ? await runner.dispatch(payload, request, { recorder })
        : ({ kind: 'pass', payload, changed: false } as const)
      return {
        outcome,
        payload: outcome.payload,
        steps: recorder.steps,
        labels: [...request.labels],
      }
    },
  }
}

function collectLogs(logs: PluginHarness['logs'][number][]): Logger {
  const at = (level: string) => (fields: object, message: string) =>
    void logs.push({ level, message, fields })
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  return logger
}
