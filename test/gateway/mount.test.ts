// The library form: mounted in somebody else's Express application, the gateway says and refuses the same as on its own.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../src/app/gateway.ts'
import { rpc } from '../support/rpc.ts'
import { connect, ERAS, textOf } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { memoryLog, pluginsOf, pluginsSection } from './running.ts'

let recorder: Recorder
let gateway: Gateway
let server: Server
let url: string
let seen: unknown[]

beforeEach(async () => {
  recorder = await startRecorder()
  seen = []
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await gateway.close()
  await recorder.close()
})

async function mount(place: (app: Express) => void, path: string): Promise<void> {
  const entries = [
    {
      name: 'sees',
      hooks: {
        http_pre_request: ({ path: asked }: { path: string }, { surface }: { surface: string }) =>
          void seen.push([asked, surface]),
      },
    },
  ]
  const config = {
    version: 1,
    servers: [{ name: 'rec', url: recorder.url }],
    limits: { body: '2KiB' },
    ...pluginsSection(entries as never),
  }
  gateway = await createGateway({ config, plugins: pluginsOf(entries as never), log: memoryLog() })
  const app = express()
  place(app)
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
}

it('policies see the whole path the client asked for, and the surface', async () => {
  await mount((app) => void app.use('/api/v1/mcp', gateway.mcp()), '/api/v1/mcp?token=secret')
  await rpc(url, {})
  expect(seen).toEqual([['/api/v1/mcp', 'express']])
})

it('as one route, below a router, it is the same', async () => {
  await mount((app) => {
    const router = express.Router()
    router.all('/mcp', gateway.mcp())
    app.use('/api', router)
  }, '/api/mcp')
  await rpc(url, {})
  expect(seen).toEqual([['/api/mcp', 'express']])
})

it.each(ERAS)('behind express.json() a %s client is served, and its limits hold', async (era) => {
  await mount((app) => {
    app.use(express.json())
    app.use('/mcp', gateway.mcp())
  }, '/mcp')
  const peer = await connect(era, url)
  expect(textOf(await peer.call('rec__echo', { a: [1, 'é', null] }))).toBe('{"a":[1,"é",null]}')
  const large = await peer.request('tools/call', {
    name: 'rec__echo',
    arguments: { a: 'x'.repeat(3000) },
  })
  expect([large.status, large.response?.error?.data?.code]).toEqual([413, 'WIRE_TOO_LARGE'])
})

it('what the application did not parse is read and refused in our own form', async () => {
  await mount((app) => {
    app.use(express.json())
    app.use('/mcp', gateway.mcp())
  }, '/mcp')
  const text = await rpc(url, 'hello', { 'content-type': 'text/plain' })
  expect([text.status, text.response?.error?.data?.code]).toEqual([415, 'WIRE_UNSUPPORTED_MEDIA'])
  const put = await rpc(url, '', {}, { method: 'PUT' })
  expect([put.status, put.response?.error?.data?.code]).toEqual([405, 'WIRE_METHOD_NOT_ALLOWED'])
  for (const body of ['[]', '{}', '{"jsonrpc":"2.0"}']) {
    const answer = await rpc(url, body)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/json'])
  }
})

it('after its end it answers 503, as JSON', async () => {
  await mount((app) => void app.use('/mcp', gateway.mcp()), '/mcp')
  await gateway.close()
  const answer = await rpc(url, { jsonrpc: '2.0', id: 1, method: 'ping' })
  expect([answer.status, answer.response?.error?.data?.code]).toEqual([503, 'SHUTTING_DOWN'])
})
