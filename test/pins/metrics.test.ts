// Pin: every metric with its type and labels. Red means: did you mean it? Then change this, the changelog and docs together.
import { expect, it } from 'vitest'
import { METRICS, type MetricSpec } from '../../src/telemetry/metrics.ts'

const PINNED = `
portcullis_requests_total counter method,era,outcome
portcullis_dispatch_duration_seconds histogram point
portcullis_verdicts_total counter point,plugin,entry,verdict
portcullis_plugin_faults_total counter point,plugin,code
portcullis_failed_open_total counter point,plugin
portcullis_plugin_counters_total counter entry,plugin,name
portcullis_observer_dropped_total counter point
portcullis_upstream_calls_total counter server,method,outcome
portcullis_upstream_duration_seconds histogram server
portcullis_upstream_restarts_total counter server
portcullis_upstream_up gauge server
portcullis_sessions gauge -
portcullis_streams gauge -
portcullis_audit_dropped_total counter sink
portcullis_config_reloads_total counter outcome
portcullis_generation gauge -
portcullis_attestation_decisions_total counter policy,evidence_type,decision,reason
portcullis_attestation_duration_seconds histogram stage
portcullis_registered_servers gauge attestation
portcullis_attestation_result_age_seconds gauge -
portcullis_collateral_age_seconds gauge source
portcullis_collateral_fetch_failures_total counter source
portcullis_trust_anchor_expiry_seconds gauge anchor
portcullis_attestation_replays_total counter -
portcullis_measurement_drift_total counter server
portcullis_series_overflow_total counter metric
mcp_server_operation_duration_seconds histogram mcp_method_name,error_type
mcp_client_operation_duration_seconds histogram mcp_method_name,error_type
`

it('no metric or label is renamed, removed or added by accident', () => {
  const now = Object.entries<MetricSpec>(METRICS).map(
    ([name, { type, labels }]) => `${name} ${type} ${labels.join(',') || '-'}`,
  )
  expect(now).toEqual(PINNED.trim().split('\n'))
})
