// What the rooms record through: handles resolved once, numbers read when somebody scrapes. It starts and serves nothing.
import type { Metric, Registry } from 'prom-client'
import type { StepStats } from '../engine/stats.ts'
import { Families, type Reading, specOf } from './families.ts'
import {
  type RequestMeter,
  requestMeters,
  type Source,
  type UpstreamMeter,
  upstreamMeters,
} from './meters.ts'
import {
  type CounterName,
  type GaugeName,
  type LabelValues,
  METRICS,
  type MetricName,
} from './metrics.ts'

export type { Reading } from './families.ts'
export type { RequestMeter, RequestOutcome, UpstreamMeter, UpstreamOutcome } from './meters.ts'
export type { Counter, Histogram } from './series.ts'

/** Counters of an entry at a point, as the engine keeps them. */
export type StepCounts = Readonly<StepStats>

export interface Telemetry extends Source {
  /** Keep it: one handle per point. */
  dispatchTimer(point: string): (ms: number) => void
  /** Keep it, or ask each time: a look-up by method and era. */
  request(method: string, era: string): RequestMeter
  upstreamCall(server: string, method: string): UpstreamMeter
  upstreamRestarted(server: string): void
  pluginFault(point: string, plugin: string, code: string): void
  observerDropped(point: string): void
  /** A counter of a plugin's own; the host bounds their names. */
  pluginCounter(entry: string, plugin: string, name: string, value: number): void
  configReload(outcome: 'ok' | 'refused'): void
  /** The engine's counters, read at each scrape. */
  steps(read: () => Iterable<StepCounts>): void
  /** A number that somebody else keeps, read at each scrape. */
  observe<N extends GaugeName | CounterName>(name: N, read: () => Reading<N>): void
  /** The Prometheus text format. */
  prometheus(): Promise<string>
}

export interface TelemetryOptions {
  /** Memory, event loop and garbage collection of the process, too. From the first scrape on it samples the event loop every 10 ms. */
  readonly process?: boolean
}

export function createTelemetry(options: TelemetryOptions = {}): Telemetry {
  const families = new Families()
  let registry: Promise<Registry> | undefined
  const scrape = async (): Promise<string> => {
    registry ??= openRegistry(families, options)
    return (await registry).metrics()
  }
  const source: Source = {
    counter: (name, labels) => families.counter(name, labels),
    histogram: (name, labels) => families.histogram(name, labels),
  }
  const count = <N extends CounterName>(name: N, labels: LabelValues<N>): void => {
    source.counter(name, labels).value++
  }
  return {
    ...source,
    dispatchTimer(point) {
      const series = source.histogram('portcullis_dispatch_duration_seconds', [point])
      return (ms) => series.record(ms / 1000)
    },
    request: requestMeters(source),
    upstreamCall: upstreamMeters(source),
    upstreamRestarted: (server) => count('portcullis_upstream_restarts_total', [server]),
    pluginFault: (point, plugin, code) =>
      count('portcullis_plugin_faults_total', [point, plugin, code]),
    pluginCounter(entry, plugin, name, value) {
      source.counter('portcullis_plugin_counters_total', [entry, plugin, name]).value += value
    },
    observerDropped: (point) => count('portcullis_observer_dropped_total', [point]),
    configReload: (outcome) => count('portcullis_config_reloads_total', [outcome]),
    steps(read) {
      families.observe('portcullis_verdicts_total', () => verdicts(read()))
      families.observe('portcullis_failed_open_total', () => failedOpen(read()))
    },
    observe: (name, read) => families.observe(name, read),
    prometheus: scrape,
  }
}

// the package that writes the text is loaded by the first scrape
async function openRegistry(families: Families, options: TelemetryOptions): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import('prom-client')
  const registry = new Registry()
  for (const name of Object.keys(METRICS) as MetricName[])
    registry.registerMetric(scraped(name, families))
  if (options.process) collectDefaultMetrics({ register: registry })
  return registry
}

function* verdicts(
  steps: Iterable<StepCounts>,
): Generator<readonly [LabelValues<'portcullis_verdicts_total'>, number]> {
  for (const step of steps) {
    const { point, plugin, entry } = step
    const counts = {
      pass: step.pass,
      patch: step.patch,
      deny: step.deny,
      respond: step.respond,
      ask: step.ask,
      would_deny: step.wouldDeny,
      unmatched: step.unmatched,
      aborted: step.aborted,
    }
    for (const [verdict, count] of Object.entries(counts)) {
      if (count > 0) yield [[point, plugin, entry, verdict], count]
    }
  }
}

// always there, also at zero, so that an alert on it has something to look at; entries of one plugin are added up
function failedOpen(steps: Iterable<StepCounts>): Reading<'portcullis_failed_open_total'> {
  const sums = new Map<string, [LabelValues<'portcullis_failed_open_total'>, number]>()
  for (const { point, plugin, failedOpen: count } of steps) {
    const key = `${point} ${plugin}`
    const sum = sums.get(key)
    if (sum) sum[1] += count
    else sums.set(key, [[point, plugin], count])
  }
  return sums.values()
}

// prom-client writes the text format for anything that answers `get`; the numbers stay ours
function scraped(name: MetricName, families: Families): Metric {
  const { help, type } = specOf(name)
  const metric = {
    name,
    get: async () => ({ name, help, type, aggregator: 'sum', values: families.samples(name) }),
  }
  return metric as unknown as Metric
}
