// `listen.answers`: a client that takes both is answered as the configuration says, and what is a stream can be taken up again.
import { afterEach, expect, it } from 'vitest'
import { connect, ERAS } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'

let recorder: Recorder
let gateway: Started
afterEach(async () => {
  await gateway.stop({ now: true })
  await recorder.close()
})

const typeOf = (headers: Headers) => headers.get('content-type')?.split(';', 1)[0]

it.each(ERAS.flatMap((era) => [[era, 'json'] as const, [era, 'stream'] as const]))(
  'a client of the %s era that takes both is answered as %s',
  async (era, answers) => {
    recorder = await startRecorder()
    const listen = { host: '127.0.0.1', port: 0, answers }
    gateway = await runGateway({ listen, servers: [server('rec', recorder.url)] })
    const peer = await connect(era, gateway.url)
    const type = answers === 'json' ? 'application/json' : 'text/event-stream'
    for (const [method, params] of [
      ['tools/list', {}],
      ['tools/call', { name: 'rec__echo', arguments: { text: 'x'.repeat(100_000) } }],
    ] as const) {
      const { headers, response } = await peer.request(method, params)
      expect(typeOf(headers)).toBe(type)
      expect(response?.result).toBeDefined()
    }
    // one that takes JSON alone gets it
    const accept = { headers: { accept: 'application/json' } }
    const { headers } = await peer.request('tools/list', {}, accept)
    expect(typeOf(headers)).toBe('application/json')
    // what is no result of a method is no stream
    const unknown = await peer.request('no/such')
    expect(unknown.response?.error?.code).toBe(-32601)
  },
)
