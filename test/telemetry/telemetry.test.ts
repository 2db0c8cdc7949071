// Metrics as a scrape sees them, and the pin of their names.
import { describe, expect, it } from 'vitest'
import { METHODS, METRICS } from '../../src/telemetry/metrics.ts'
import { createTelemetry, type StepCounts } from '../../src/telemetry/telemetry.ts'

async function scrape(telemetry: {
  prometheus(): Promise<string>
}): Promise<Record<string, number>> {
  const lines = (await telemetry.prometheus())
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  )
}

describe('the table of metrics', () => {
  it('has rising buckets for every histogram and a help text for every metric', () => {
    for (const metric of Object.values(METRICS)) {
      expect(metric.help).not.toBe('')
      const buckets = 'buckets' in metric ? [...metric.buckets] : []
      expect(buckets.length > 0).toBe(metric.type === 'histogram')
      expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b))
    }
  })
})

describe('a scrape', () => {
  it('names every metric with its type, also before anything happened', async () => {
    const text = await createTelemetry().prometheus()
    for (const [name, { type }] of Object.entries(METRICS))
      expect(text).toContain(`# TYPE ${name} ${type}\n`)
  })

  it('shows requests by method, era and outcome, and how long they took', async () => {
    const telemetry = createTelemetry()
    telemetry.request('tools/call', 'modern')('ok', 15)
    telemetry.request('tools/call', 'modern')('ok', 400_000)
    telemetry.request('tools/call', 'legacy')('denied', 1)
    const seen = await scrape(telemetry)
    expect(seen['portcullis_requests_total{method="tools/call",era="modern",outcome="ok"}']).toBe(2)
    expect(
      seen['portcullis_requests_total{method="tools/call",era="legacy",outcome="denied"}'],
    ).toBe(1)
    const bucket = (le: string) =>
      seen[
        `mcp_server_operation_duration_seconds_bucket{mcp_method_name="tools/call",error_type="",le="${le}"}`
      ]
    expect([bucket('0.01'), bucket('0.02'), bucket('300'), bucket('+Inf')]).toEqual([0, 1, 1, 2])
    expect(
      seen[
        'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",error_type=""}'
      ],
    ).toBe(2)
    expect(
      seen['mcp_server_operation_duration_seconds_sum{mcp_method_name="tools/call",error_type=""}'],
    ).toBeCloseTo(400.015)
    expect(
      seen[
        'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",error_type="denied"}'
      ],
    ).toBe(1)
  })

  it('counts a value on a bucket bound into that bucket', async () => {
    const telemetry = createTelemetry()
    telemetry.dispatchTimer('tool_pre_invoke')(1)
    const seen = await scrape(telemetry)
    const bucket = (le: string) =>
      seen[`portcullis_dispatch_duration_seconds_bucket{point="tool_pre_invoke",le="${le}"}`]
    expect([bucket('0.0005'), bucket('0.001')]).toEqual([0, 1])
  })

  it('shows calls to upstream servers, restarts, faults, dropped observers and reloads', async () => {
    const telemetry = createTelemetry()
    telemetry.upstreamCall('files', 'tools/call')('timeout', 60_000)
    telemetry.upstreamRestarted('files')
    telemetry.pluginFault('tool_pre_invoke', 'rules', 'PLUGIN_THREW')
    telemetry.observerDropped('tool_post_invoke')
    telemetry.configReload('refused')
    const seen = await scrape(telemetry)
    expect(
      seen['portcullis_upstream_calls_total{server="files",method="tools/call",outcome="timeout"}'],
    ).toBe(1)
    expect(seen['portcullis_upstream_duration_seconds_count{server="files"}']).toBe(1)
    expect(
      seen[
        'mcp_client_operation_duration_seconds_count{mcp_method_name="tools/call",error_type="timeout"}'
      ],
    ).toBe(1)
    expect(seen['portcullis_upstream_restarts_total{server="files"}']).toBe(1)
    expect(
      seen[
        'portcullis_plugin_faults_total{point="tool_pre_invoke",plugin="rules",code="PLUGIN_THREW"}'
      ],
    ).toBe(1)
    expect(seen['portcullis_observer_dropped_total{point="tool_post_invoke"}']).toBe(1)
    expect(seen['portcullis_config_reloads_total{outcome="refused"}']).toBe(1)
  })

  it('reads what others keep at that moment', async () => {
    const telemetry = createTelemetry()
    let sessions = 3
    telemetry.observe('portcullis_sessions', () => [[[], sessions]])
    telemetry.observe('portcullis_upstream_up', () => [
      [['files'], 1],
      [['search'], 0],
    ])
    sessions = 4
    const seen = await scrape(telemetry)
    expect([
      seen.portcullis_sessions,
      seen['portcullis_upstream_up{server="files"}'],
      seen['portcullis_upstream_up{server="search"}'],
    ]).toEqual([4, 1, 0])
  })

  it('reads verdicts and failed opens from the counters of the engine', async () => {
    const telemetry = createTelemetry()
    const none = {
      pass: 0,
      patch: 0,
      deny: 0,
      respond: 0,
      ask: 0,
      wouldDeny: 0,
      fault: 0,
      failedOpen: 0,
      unmatched: 0,
      aborted: 0,
    }
    const steps: StepCounts[] = [
      {
        ...none,
        point: 'tool_pre_invoke',
        entry: 'a',
        plugin: 'rules',
        pass: 7,
        deny: 2,
        failedOpen: 1,
      },
      {
        ...none,
        point: 'tool_pre_invoke',
        entry: 'b',
        plugin: 'rules',
        wouldDeny: 3,
        failedOpen: 2,
      },
      { ...none, point: 'tool_post_invoke', entry: 'c', plugin: 'pii-filter' },
    ]
    telemetry.steps(() => steps)
    const seen = await scrape(telemetry)
    const verdict = (entry: string, name: string) =>
      seen[
        `portcullis_verdicts_total{point="tool_pre_invoke",plugin="rules",entry="${entry}",verdict="${name}"}`
      ]
    expect([
      verdict('a', 'pass'),
      verdict('a', 'deny'),
      verdict('b', 'would_deny'),
      verdict('b', 'pass'),
    ]).toEqual([7, 2, 3, undefined])
    expect(seen['portcullis_failed_open_total{point="tool_pre_invoke",plugin="rules"}']).toBe(3)
    expect(seen['portcullis_failed_open_total{point="tool_post_invoke",plugin="pii-filter"}']).toBe(
      0,
    )
  })

  it('escapes label values', async () => {
    const telemetry = createTelemetry()
    telemetry.upstreamRestarted('a"b\\c\nd')
    expect(await telemetry.prometheus()).toContain(
      'portcullis_upstream_restarts_total{server="a\\"b\\\\c\\nd"} 1',
    )
  })

  it('tells of the process only when asked to', async () => {
    expect(await createTelemetry().prometheus()).not.toContain('process_cpu')
    expect(await createTelemetry({ process: true }).prometheus()).toContain(
      'process_cpu_seconds_total',
    )
  })
})

describe('the number of series', () => {
  it('does not grow with what clients send as a method or era', async () => {
    const telemetry = createTelemetry()
    for (let index = 0; index < 1000; index++)
      telemetry.request(`evil/${index}`, `era${index}`)('error', 1)
    const seen = await scrape(telemetry)
    expect(seen['portcullis_requests_total{method="other",era="other",outcome="error"}']).toBe(1000)
    expect(
      Object.keys(seen).filter((name) => name.startsWith('portcullis_requests_total')),
    ).toHaveLength(4)
    expect(METHODS.has('tools/call')).toBe(true)
  })

  it('is bounded for every metric, and what comes beyond is counted together', async () => {
    const telemetry = createTelemetry()
    for (let index = 0; index < 2500; index++) telemetry.upstreamRestarted(`server-${index}`)
    const seen = await scrape(telemetry)
    expect(
      Object.keys(seen).filter((name) => name.startsWith('portcullis_upstream_restarts_total')),
    ).toHaveLength(2001)
    expect(seen['portcullis_upstream_restarts_total{server="other"}']).toBe(500)
    expect(
      seen['portcullis_series_overflow_total{metric="portcullis_upstream_restarts_total"}'],
    ).toBe(500)
  })
})
