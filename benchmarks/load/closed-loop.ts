// The closed loop for machines without wrk, as a process of its own: undici, every answer checked, the same summary line as wrk's script.
import { Pool } from 'undici'
import { type Call, callText } from './call.ts'
import { MARKER } from './canned.ts'
import type { Load } from './wrk.ts'

const { call, options, first } = JSON.parse(process.argv[2] ?? '{}') as {
  call: Call
  options: Load
  first: number
}
const { connections, seconds } = options
const { headers, before, after } = callText(call)
const pool = new Pool(`http://127.0.0.1:${call.port}`, { connections, pipelining: 1 })
const errors = { wrong: 0, failed: 0 }
const times: number[] = []
let id = first
let bytes = 0
let sample = ''
const begun = performance.now()
const until = begun + seconds * 1000
await Promise.all(Array.from({ length: connections }, lane))
const micros = Math.round((performance.now() - begun) * 1000)
await pool.destroy()
times.sort((a, b) => a - b)
const at = (share: number) =>
  Math.round((times[Math.floor(share * (times.length - 1))] ?? 0) * 1000)
const summary = {
  requests: times.length,
  micros,
  bytes,
  p50: at(0.5),
  p99: at(0.99),
  errors,
  sample,
}
process.stdout.write(`${JSON.stringify(summary)}\n`)

async function lane(): Promise<void> {
  while (performance.now() < until) {
    const start = performance.now()
    try {
      const mine = ++id
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: call.path,
        headers,
        body: `${before}${mine}${after}`,
      })
      const text = await body.text()
      const right = statusCode === 200 && text.includes(`"id":${mine}`)
      if (!right || !text.includes(call.marker ?? MARKER)) {
        errors.wrong++
        sample = `${statusCode} ${text.slice(0, 300)}`
      }
      bytes += text.length
    } catch (error) {
      errors.failed++
      sample = String(error)
    }
    times.push(performance.now() - start)
  }
}
