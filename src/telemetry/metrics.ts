// The one table of metrics: names, types, labels, buckets. Names are public contract, pinned by a test; it counts nothing.

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds, in seconds. */
  readonly buckets?: readonly number[]
}

// plugins answer in microseconds, networks in milliseconds to minutes
const FAST = [
  0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
] as const
const SLOW = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] as const
// arithmetic in milliseconds, handshakes and fetches in up to many seconds
const ATTEST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const
// OpenTelemetry's semantic conventions for MCP name these
const OTEL = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] as const

export const METRICS = {
  portcullis_requests_total: {
    type: 'counter',
    help: 'MCP requests answered, by outcome: ok, denied, error, cancelled',
    labels: ['method', 'era', 'outcome'],
  },
  portcullis_dispatch_duration_seconds: {
    type: 'histogram',
    help: 'time in the plugins of a point',
    labels: ['point'],
    buckets: FAST,
  },
  portcullis_verdicts_total: {
    type: 'counter',
    help: 'answers of entries; would_deny is a refusal that was only recorded',
    labels: ['point', 'plugin', 'entry', 'verdict'],
  },
  portcullis_plugin_faults_total: {
    type: 'counter',
    help: 'plugins that broke: threw, timed out, answered what they may not',
    labels: ['point', 'plugin', 'code'],
  },
  portcullis_failed_open_total: {
    type: 'counter',
    help: 'calls that went on although an entry could not judge them',
    labels: ['point', 'plugin'],
  },
  portcullis_plugin_counters_total: {
    type: 'counter',
    help: 'what plugins count themselves with host.metrics.count',
    labels: ['entry', 'plugin', 'name'],
  },
  portcullis_observer_dropped_total: {
    type: 'counter',
    help: 'dispatches that audit and background entries did not see because their queue was full',
    labels: ['point'],
  },
  portcullis_upstream_calls_total: {
    type: 'counter',
    help: 'requests to upstream servers, by outcome: ok, error, timeout, cancelled, unavailable',
    labels: ['server', 'method', 'outcome'],
  },
  portcullis_upstream_duration_seconds: {
    type: 'histogram',
    help: 'time until an upstream server answered',
    labels: ['server'],
    buckets: SLOW,
  },
  portcullis_upstream_restarts_total: {
    type: 'counter',
    help: 'times an upstream server was started again',
    labels: ['server'],
  },
  portcullis_upstream_up: {
    type: 'gauge',
    help: '1 while the upstream server serves',
    labels: ['server'],
  },
  portcullis_sessions: { type: 'gauge', help: 'open sessions', labels: [] },
  portcullis_streams: { type: 'gauge', help: 'open event streams', labels: [] },
  portcullis_audit_dropped_total: {
    type: 'counter',
    help: 'audit records lost because a sink was full or failed',
    labels: ['sink'],
  },
  portcullis_config_reloads_total: {
    type: 'counter',
    help: 'attempts to load a new configuration, by outcome: ok, refused',
    labels: ['outcome'],
  },
  portcullis_generation: { type: 'gauge', help: 'generation in force', labels: [] },
  portcullis_attestation_decisions_total: {
    type: 'counter',
    help: 'attestations of servers, by decision: accept, deny, would_deny',
    labels: ['policy', 'evidence_type', 'decision', 'reason'],
  },
  portcullis_attestation_duration_seconds: {
    type: 'histogram',
    help: 'time of an attestation by stage: tls, fetch, verify, appraise, and total of all',
    labels: ['stage'],
    buckets: ATTEST,
  },
  portcullis_registered_servers: {
    type: 'gauge',
    help: 'registered servers by attestation: valid, identity_only, expired, none, quarantined',
    labels: ['attestation'],
  },
  portcullis_attestation_result_age_seconds: {
    type: 'gauge',
    help: 'age of the oldest attestation result in force',
    labels: [],
  },
  portcullis_collateral_age_seconds: {
    type: 'gauge',
    help: 'time since the collateral of a source was received',
    labels: ['source'],
  },
  portcullis_collateral_fetch_failures_total: {
    type: 'counter',
    help: 'attempts to fetch collateral of a source that failed',
    labels: ['source'],
  },
  portcullis_trust_anchor_expiry_seconds: {
    type: 'gauge',
    help: 'time until a trust anchor expires; negative: it has',
    labels: ['anchor'],
  },
  portcullis_attestation_replays_total: {
    type: 'counter',
    help: 'challenges and evidence that were presented a second time',
    labels: [],
  },
  portcullis_measurement_drift_total: {
    type: 'counter',
    help: 'times a server said something else than when it was last accepted',
    labels: ['server'],
  },
  portcullis_series_overflow_total: {
    type: 'counter',
    help: 'label sets beyond the limit of a metric, counted together as other',
    labels: ['metric'],
  },
  mcp_server_operation_duration_seconds: {
    type: 'histogram',
    help: 'mcp.server.operation.duration: time to answer an MCP request',
    labels: ['mcp_method_name', 'error_type'],
    buckets: OTEL,
  },
  mcp_client_operation_duration_seconds: {
    type: 'histogram',
    help: 'mcp.client.operation.duration: time of an MCP request to an upstream server',
    labels: ['mcp_method_name', 'error_type'],
    buckets: OTEL,
  },
} as const satisfies Record<string, MetricSpec>

export type MetricName = keyof typeof METRICS
type NamesOf<T extends MetricSpec['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never
}[MetricName]
export type CounterName = NamesOf<'counter'>
export type GaugeName = NamesOf<'gauge'>
export type HistogramName = NamesOf<'histogram'>

/** The values of a metric's labels, in the order of the table. */
export type LabelValues<N extends MetricName> = Texts<(typeof METRICS)[N]['labels']>
type Texts<L extends readonly string[]> = { readonly [I in keyof L]: string }

/** Methods that may stand in a label; every other is `other`, so that no client can make series. */
export const METHODS: ReadonlySet<string> = new Set([
  'initialize', 'ping', 'server/discover', 'logging/setLevel', 'completion/complete',
  'tools/list', 'tools/call', 'prompts/list', 'prompts/get',
  'resources/list', 'resources/read', 'resources/templates/list', 'resources/subscribe', 'resources/unsubscribe',
  'subscriptions/listen', 'roots/list', 'sampling/createMessage', 'elicitation/create',
  'notifications/initialized', 'notifications/cancelled', 'notifications/progress', 'notifications/message',
  'notifications/tools/list_changed', 'notifications/prompts/list_changed', 'notifications/resources/list_changed',
  'notifications/resources/updated', 'notifications/roots/list_changed',
]) // biome-ignore format: a table

export function methodLabel(method: string): string {
  return METHODS.has(method) ? method : 'other'
}
