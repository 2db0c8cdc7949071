// What servers ask reaches clients on pipes and over HTTP+SSE, too, and passes the same points there.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { INITIALIZED, initialize, isAnswer, type LineClient, pipeTo } from '../support/lines.ts'
import { modernRequest, type RpcMessage } from '../support/rpc.ts'
import { eventually } from '../upstream/support.ts'
import { ABLE, ASK, createQuestioner, TOLD } from './questioner.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { runGateway, type Started, server } from './running.ts'
import { openSse } from './sse-peer.ts'

const SERVERS = ['legacy', 'modern'] as const
const KINDS = ['sample', 'elicit', 'roots'] as const
const PASSED = {
  sample: ['completion_pre_request', 'completion_post_response'],
  elicit: ['elicitation_pre_create', 'elicitation_post_response'],
  roots: ['roots_post_list'],
}

let recorders: Recorder[]
let gateway: Started
const passed: string[] = []

beforeAll(async () => {
  const start = (eras: 'legacy' | 'modern') =>
    startRecorder({ eras, tools: ['ask'], call: createQuestioner().call })
  recorders = await Promise.all(SERVERS.map(start))
  const seen = (point: string) => [point, () => void passed.push(point)] as const
  const hooks = Object.fromEntries(Object.values(PASSED).flat().map(seen))
  gateway = await runGateway(
    {
      listen: { host: '127.0.0.1', port: 0, sse: { path: '/sse' } },
      servers: SERVERS.map((name, index) => server(name, (recorders[index] as Recorder).url)),
    },
    [{ name: 'sees', hooks }],
  )
})
afterAll(async () => {
  await gateway?.stop({ now: true })
  await Promise.all(recorders?.map((recorder) => recorder.close()) ?? [])
})
beforeEach(() => void passed.splice(0))

const argumentsFor = (kind: (typeof KINDS)[number]) => ({ questions: { q: ASK[kind] } })
const told = (message: RpcMessage | undefined) => JSON.stringify(message?.result)

describe.each(SERVERS)('a %s server that asks', (name) => {
  describe.each(KINDS)('to %s', (kind) => {
    const call = { name: `${name}__ask`, arguments: argumentsFor(kind) }

    it('is answered by a legacy client on a pair of pipes', async () => {
      const pipe = await legacyPipe()
      pipe.send({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params: call })
      const question = await pipe.line(
        (line) => 'method' in line && line.method === ASK[kind].method,
      )
      pipe.send({ jsonrpc: '2.0', id: (question as RpcMessage).id, result: TOLD[kind] })
      const answer = await pipe.line((line) => isAnswer(line, 'call'))
      expect(told(answer as RpcMessage)).toContain(essence(kind))
      expect(passed).toEqual(PASSED[kind])
      pipe.end()
    })

    it('is answered by a modern client on a pair of pipes', async () => {
      const pipe = pipeTo(gateway.gateway)
      const first = await pipeCall(pipe, 1, call)
      const { inputRequests, requestState } = first.result as {
        inputRequests: Record<string, unknown>
        requestState: string
      }
      const [key = ''] = Object.keys(inputRequests)
      const again = { ...call, requestState, inputResponses: { [key]: TOLD[kind] } }
      expect(told(await pipeCall(pipe, 2, again))).toContain(essence(kind))
      expect(passed).toEqual(PASSED[kind])
      pipe.end()
    })

    it('is answered by a client of HTTP+SSE', async () => {
      const opening = {
        protocolVersion: '2024-11-05',
        capabilities: ABLE,
        clientInfo: { name: 'old', version: '1' },
      }
      const url = gateway.url.replace(/\/mcp$/, '/sse')
      await using peer = await openSse(url, opening)
      await peer.send({ id: 7, method: 'tools/call', params: call })
      const asked = () => peer.messages().find(({ method }) => method === ASK[kind].method)
      await eventually(() => expect(asked()).toBeDefined())
      await peer.send({ id: asked()?.id, result: TOLD[kind] } as RpcMessage)
      expect(told(await peer.answer(7))).toContain(essence(kind))
      expect(passed).toEqual(PASSED[kind])
    })
  })
})

const essence = (kind: (typeof KINDS)[number]) =>
  ({ sample: 'Paris', elicit: 'Ada', roots: 'file:///a' })[kind]

async function legacyPipe(): Promise<LineClient> {
  const pipe = pipeTo(gateway.gateway)
  pipe.send(initialize('2025-11-25', 'pipes', ABLE))
  await pipe.line((line) => isAnswer(line, 'open'))
  pipe.send(INITIALIZED)
  return pipe
}

async function pipeCall(pipe: LineClient, id: number, params: object): Promise<RpcMessage> {
  const options = { id, capabilities: ABLE }
  pipe.send(modernRequest('tools/call', { ...params }, options).body)
  return (await pipe.line((line) => isAnswer(line, id))) as RpcMessage
}
