// The series of every metric in the table, and the numbers that other rooms keep and let it read; it writes no text.
import { type LabelValues, METRICS, type MetricName, type MetricSpec } from './metrics.ts'
import {
  type Counter,
  CounterSeries,
  Family,
  type Histogram,
  HistogramSeries,
  type Sample,
} from './series.ts'

/** Values of a metric read at the scrape: labels in the order of the table, then the number. */
export type Reading<N extends MetricName> = Iterable<
  readonly [labels: LabelValues<N>, value: number]
>

type Read = () => Iterable<readonly [readonly string[], number]>

/** Every metric of the table: its own series, and what others keep and let it read. */
export class Families {
  readonly #counters = new Map<string, Family<CounterSeries>>()
  readonly #histograms = new Map<string, Family<HistogramSeries>>()
  readonly #readings = new Map<string, Read[]>()

  counter(name: string, labels: readonly string[]): Counter {
    return this.#family(this.#counters, name, () => new CounterSeries()).of(labels)
  }

  histogram(name: string, labels: readonly string[]): Histogram {
    const bounds = Float64Array.from(specOf(name).buckets ?? [])
    return this.#family(this.#histograms, name, () => new HistogramSeries(bounds)).of(labels)
  }

  observe(name: MetricName, read: Read): void {
    const readings = this.#readings.get(name) ?? []
    this.#readings.set(name, [...readings, read])
  }

  samples(name: string): Sample[] {
    const own = (this.#counters.get(name) ?? this.#histograms.get(name))?.samples() ?? []
    for (const read of this.#readings.get(name) ?? []) {
      for (const [values, value] of read()) {
        const labels: Record<string, string> = {}
        for (const [index, label] of specOf(name).labels.entries())
          labels[label] = values[index] ?? ''
        own.push({ metricName: name, labels, value })
      }
    }
    return own
  }

  #family<S extends CounterSeries | HistogramSeries>(
    families: Map<string, Family<S>>,
    name: string,
    create: () => S,
  ): Family<S> {
    let family = families.get(name)
    if (!family) {
      const overflowed = (): void => {
        this.counter('portcullis_series_overflow_total', [name]).value++
      }
      family = new Family(name, specOf(name), create, overflowed)
      families.set(name, family)
    }
    return family
  }
}

export function specOf(name: string): MetricSpec {
  return METRICS[name as MetricName]
}
