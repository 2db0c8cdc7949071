// The open loop as a process of its own: requests start when the schedule says, whatever the server does, and latency counts from then.
import { Worker } from 'node:worker_threads'
import { type Dispatcher, Pool } from 'undici'
import { type Call, callText } from './call.ts'
import { MARKER } from './canned.ts'
import { Histogram } from './histogram.ts'
import { groupSize, intendedStarts, leadOf, type Schedule } from './schedule.ts'

export interface OpenLoop {
  readonly call: Call
  readonly schedule: Schedule
  readonly connections: number
  readonly first: number
}

export interface OpenLoopSummary {
  readonly requests: number
  readonly failed: number
  readonly sample: string
  /** Microseconds from the intended start to the last byte. */
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** How much later than intended the 99th percentile of requests was sent: the generator's own fault. */
  readonly late: number
  /** Mean of the time from the start of a group to its last answer. */
  readonly total: number
}

const { call, schedule, connections, first } = JSON.parse(process.argv[2] ?? '{}') as OpenLoop
const { headers, before, after } = callText(call)
const marker = call.marker ?? MARKER
const pool = new Pool(`http://127.0.0.1:${call.port}`, { connections, pipelining: 1 })
const starts = intendedStarts(schedule)
const group = groupSize(schedule)
const lead = leadOf(schedule)
const ends = new Float64Array(starts.length / group)
const latencies = new Histogram()
const lateness = new Histogram()
let failed = 0
let sample = ''
let answered = 0
let sent = 0

// a connection costs once; a schedule is about requests
await Promise.all(Array.from({ length: Math.min(connections, 64) }, (_, i) => warm(i)))
const origin = performance.timeOrigin + performance.now() + 50
const ticker = new Worker(new URL('ticker.ts', import.meta.url), { workerData: { starts, origin } })
ticker.on('message', (until: number) => {
  while (sent < until) send(sent++)
})
ticker.on('error', (error) => {
  throw error
})

function now(): number {
  return performance.timeOrigin + performance.now() - origin
}

function send(index: number): void {
  if (index >= lead) lateness.record((now() - (starts[index] as number)) * 1000)
  dispatch(first + connections + index, (wrong) => finish(index, wrong))
}

function finish(index: number, wrong: string | undefined): void {
  const end = now()
  if (index >= lead) latencies.record((end - (starts[index] as number)) * 1000)
  ends[Math.floor(index / group)] = end - (starts[index] as number)
  if (wrong !== undefined) {
    failed++
    sample = wrong
  }
  if (++answered === starts.length) report()
}

function warm(index: number): Promise<void> {
  return new Promise((resolve) => dispatch(first + index, () => resolve()))
}

function dispatch(id: number, done: (wrong: string | undefined) => void): void {
  const chunks: Buffer[] = []
  let status = 0
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {},
    onResponseStart(_controller, code) {
      status = code
    },
    onResponseData(_controller, chunk) {
      chunks.push(chunk)
    },
    onResponseEnd() {
      const text = Buffer.concat(chunks).toString('latin1')
      const right = status === 200 && text.includes(`"id":${id}`) && text.includes(marker)
      done(right ? undefined : `${status} ${text.slice(0, 300)}`)
    },
    onResponseError(_controller, error) {
      done(String(error))
    },
  }
  const body = `${before}${id}${after}`
  pool.dispatch({ method: 'POST', path: call.path, headers: { ...headers }, body }, handler)
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function report(): void {
  const at = (share: number) => latencies.percentile(share)
  const summary: OpenLoopSummary = {
    requests: answered,
    failed,
    sample,
    mean: latencies.mean,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: latencies.max,
    late: lateness.percentile(0.99),
    total: meanOf(ends.subarray(lead / group)) * 1000,
  }
  process.stdout.write(`${JSON.stringify(summary)}\n`, () => process.exit(0))
}
