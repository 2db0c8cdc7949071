// Counters and histograms as plain numbers behind handles that are resolved once; written out only when they are scraped.
import type { MetricSpec } from './metrics.ts'

export interface Counter {
  value: number
}

export interface Histogram {
  record(seconds: number): void
}

/** One line of the text format. */
export interface Sample {
  readonly metricName: string
  readonly labels: Record<string, string | number>
  readonly value: number
}

/** All series of one metric. Their number is bounded: what comes beyond is counted in one series named `other`. */
export class Family<S extends { samples(name: string, labels: Record<string, string>): Sample[] }> {
  readonly name: string
  readonly spec: MetricSpec
  readonly #create: () => S
  readonly #overflowed: () => void
  readonly #series = new Map<
    string,
    { readonly labels: Record<string, string>; readonly series: S }
  >()

  constructor(name: string, spec: MetricSpec, create: () => S, overflowed: () => void) {
    this.name = name
    this.spec = spec
    this.#create = create
    this.#overflowed = overflowed
  }

  /** Not for the hot path: it joins strings. Keep what it returns. */
  of(values: readonly string[]): S {
    const key = values.join('\u0000')
    const known = this.#series.get(key)
    if (known) return known.series
    const other = values.map(() => 'other')
    if (this.#series.size >= MAX_SERIES && key !== other.join('\u0000')) {
      this.#overflowed()
      return this.of(other)
    }
    const labels: Record<string, string> = {}
    for (const [index, name] of this.spec.labels.entries()) labels[name] = values[index] ?? ''
    const series = this.#create()
    this.#series.set(key, { labels, series })
    return series
  }

  samples(): Sample[] {
    const lines: Sample[] = []
    for (const { labels, series } of this.#series.values()) {
      lines.push(...series.samples(this.name, labels))
    }
    return lines
  }
}

// points times entries of a large configuration; a histogram of this many series is about 300 kB
const MAX_SERIES = 2000

export class CounterSeries implements Counter {
  value = 0

  samples(metricName: string, labels: Record<string, string>): Sample[] {
    return [{ metricName, labels, value: this.value }]
  }
}

export class HistogramSeries implements Histogram {
  readonly #bounds: Float64Array
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: Float64Array) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  // most values fall into the first buckets, where a scan beats a search
  record(seconds: number): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += seconds
  }

  samples(name: string, labels: Record<string, string>): Sample[] {
    const lines: Sample[] = []
    let count = 0
    for (const [index, bound] of this.#bounds.entries()) {
      count += this.#counts[index] as number
      lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: count })
    }
    count += this.#counts.at(-1) as number
    lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count })
    lines.push({ metricName: `${name}_sum`, labels, value: this.#sum })
    lines.push({ metricName: `${name}_count`, labels, value: count })
    return lines
  }
}
