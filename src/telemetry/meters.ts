// Meters of requests, one per method and era or server: what the hot path calls makes no string and no label set.
import type { CounterName, HistogramName, LabelValues } from './metrics.ts'
import { methodLabel } from './metrics.ts'
import type { Counter, Histogram } from './series.ts'

export type RequestOutcome = 'ok' | 'denied' | 'error' | 'cancelled'
export type UpstreamOutcome = 'ok' | 'error' | 'timeout' | 'cancelled' | 'unavailable'

export type RequestMeter = (outcome: RequestOutcome, ms: number) => void
export type UpstreamMeter = (outcome: UpstreamOutcome, ms: number) => void

export interface Source {
  counter<N extends CounterName>(name: N, labels: LabelValues<N>): Counter
  histogram<N extends HistogramName>(name: N, labels: LabelValues<N>): Histogram
}

export function requestMeters(source: Source): (method: string, era: string) => RequestMeter {
  const eras = new Map<string, Map<string, RequestMeter>>()
  return (method, era) => {
    const name = methodLabel(method)
    const label = era === 'legacy' || era === 'modern' ? era : 'other'
    const methods = remember(eras, label, () => new Map<string, RequestMeter>())
    return remember(methods, name, () => requestMeter(name, label, source))
  }
}

function requestMeter(method: string, era: string, source: Source): RequestMeter {
  const count = (outcome: RequestOutcome) =>
    source.counter('portcullis_requests_total', [method, era, outcome])
  const time = (error: string) =>
    source.histogram('mcp_server_operation_duration_seconds', [method, error])
  const meters = {
    ok: { count: count('ok'), time: time('') },
    denied: { count: count('denied'), time: time('denied') },
    error: { count: count('error'), time: time('error') },
    cancelled: { count: count('cancelled'), time: time('cancelled') },
  }
  return (outcome, ms) => {
    const meter = meters[outcome]
    meter.count.value++
    meter.time.record(ms / 1000)
  }
}

export function upstreamMeters(source: Source): (server: string, method: string) => UpstreamMeter {
  const servers = new Map<string, Map<string, UpstreamMeter>>()
  return (server, method) => {
    const name = methodLabel(method)
    const methods = remember(servers, server, () => new Map<string, UpstreamMeter>())
    return remember(methods, name, () => upstreamMeter(server, name, source))
  }
}

function upstreamMeter(server: string, method: string, source: Source): UpstreamMeter {
  const duration = source.histogram('portcullis_upstream_duration_seconds', [server])
  const meters = new Map<UpstreamOutcome, { readonly count: Counter; readonly time: Histogram }>()
  const create = (outcome: UpstreamOutcome) => ({
    count: source.counter('portcullis_upstream_calls_total', [server, method, outcome]),
    time: source.histogram('mcp_client_operation_duration_seconds', [
      method,
      outcome === 'ok' ? '' : outcome,
    ]),
  })
  return (outcome, ms) => {
    const meter = remember(meters, outcome, create)
    meter.count.value++
    meter.time.record(ms / 1000)
    duration.record(ms / 1000)
  }
}

function remember<K, V>(map: Map<K, V>, key: K, create: (key: K) => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const created = create(key)
  map.set(key, created)
  return created
}
