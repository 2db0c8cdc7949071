// Reads streams of events in a closed loop as a process of its own; each event says when it was sent, by the clock that all processes share.
import { Agent, request } from 'node:http'
import { type Call, callText } from './call.ts'
import { EVENTS } from './canned.ts'
import { Histogram } from './histogram.ts'

export interface Streams {
  readonly call: Call
  readonly connections: number
  readonly seconds: number
  readonly first: number
}

export interface StreamSummary {
  readonly streams: number
  readonly events: number
  readonly failed: number
  readonly sample: string
  /** Microseconds from the request to the first byte of the answer. */
  readonly firstByte: number
  /** Microseconds from the upstream's write to this process's read; median and 99th percentile. */
  readonly event: number
  readonly event99: number
}

const { call, connections, seconds, first } = JSON.parse(process.argv[2] ?? '{}') as Streams
const { headers, before, after } = callText(call)
const agent = new Agent({ keepAlive: true, maxSockets: connections })
const firstBytes = new Histogram()
const latencies = new Histogram()
const until = performance.now() + seconds * 1000
let id = first
let streams = 0
let failed = 0
let sample = ''

await Promise.all(Array.from({ length: connections }, lane))
const summary: StreamSummary = {
  streams,
  events: latencies.count,
  failed,
  sample,
  firstByte: firstBytes.percentile(0.5),
  event: latencies.percentile(0.5),
  event99: latencies.percentile(0.99),
}
process.stdout.write(`${JSON.stringify(summary)}\n`)
agent.destroy()

async function lane(): Promise<void> {
  while (performance.now() < until) {
    const wrong = await read(++id).catch(String)
    streams++
    if (wrong === undefined) continue
    failed++
    sample = wrong
  }
}

/** What is wrong with the stream, if anything: all events in order, then the answer to this request. */
function read(mine: number): Promise<string | undefined> {
  // two streams at once may not share a token, so it is the id
  const wanted = after.replace('"_meta":{', `"_meta":{"progressToken":${mine},`)
  const body = `${before}${mine}${wanted}`
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  const place = { host: '127.0.0.1', port: call.port, path: call.path, method: 'POST', agent }
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const sending = request({ ...place, headers: { ...headers, ...length } }, (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => {
        const now = process.hrtime.bigint()
        if (text === '') firstBytes.record((performance.now() - start) * 1000)
        text += chunk
        for (const [, sent = '0'] of chunk.matchAll(/, sent (\d+)"/g))
          latencies.record(Number(now - BigInt(sent)) / 1000)
      })
      response.on('error', reject)
      response.on('end', () => {
        const events = text.match(/event (\d+) of/g)?.length ?? 0
        const right = response.statusCode === 200 && events === EVENTS
        const answered = text.includes(`"id":${mine}`)
        resolve(right && answered ? undefined : `${response.statusCode} ${text.slice(0, 300)}`)
      })
    })
    sending.on('error', reject)
    sending.end(body)
  })
}
