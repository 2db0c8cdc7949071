// docs/metrics.md from the table of metrics.
import { METRICS, type MetricSpec } from '../../src/telemetry/metrics.ts'
import { table } from './markdown.ts'

const INTRODUCTION = `# Metrics

Made by \`npm run generate\` from \`src/telemetry/metrics.ts\`; do not edit.

Served as Prometheus text at \`/metrics\` of the admin endpoint. Names and labels are public contract. Labels hold names from
the configuration and the protocol, never values from payloads; the number of series is bounded.
`

export function metricsReference(): string {
  const rows = Object.entries<MetricSpec>(METRICS).map(
    ([name, { type, labels, help, buckets }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      buckets === undefined ? help : `${help}; ${buckets[0]} to ${buckets.at(-1)} s`,
    ],
  )
  return `${INTRODUCTION}\n${table(['metric', 'type', 'labels', 'what'], rows)}`
}
