// Virtual servers and HTTP+SSE in somebody else's Express application: by name anywhere, or by the paths of the configuration.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { afterEach, expect, it } from 'vitest'
import { createGateway, type Gateway } from '../../src/app/gateway.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { openSession, rpc } from '../support/rpc.ts'
import { connect, ERAS } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { memoryLog } from './running.ts'
import { openSse } from './sse-peer.ts'

let recorder: Recorder
let gateway: Gateway
let server: Server

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await gateway.close()
  await recorder.close()
})

const VIRTUAL = [{ name: 'analyst', path: '/mcp/analyst', tools: ['rec__read'] }]

async function mount(place: (app: Express) => void, configFile?: string): Promise<string> {
  const config = configOf(VIRTUAL)
  gateway = await createGateway({ ...(configFile ? { configFile } : { config }), log: memoryLog() })
  const app = express()
  place(app)
  app.use(
    (_request, response) => void response.status(404).send('the application has nothing here'),
  )
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const configOf = (virtual: object[]) => ({
  version: 1,
  listen: { sse: { path: '/sse' } },
  servers: [{ name: 'rec', url: recorder.url }],
  virtual_servers: virtual,
})

async function toolsAt(url: string, era: (typeof ERAS)[number] = 'legacy'): Promise<string[]> {
  const peer = await connect(era, url)
  const { result } = (await peer.request('tools/list')).response ?? {}
  return ((result?.tools ?? []) as { name: string }[]).map(({ name }) => name)
}

const BOTH = ['rec__read', 'rec__write']

it.each(ERAS)('by name, a %s client finds one at any path', async (era) => {
  recorder = await startRecorder({ tools: ['read', 'write'] })
  const base = await mount((app) => {
    app.use('/team', gateway.mcp({ virtualServer: 'analyst' }))
    app.all('/exactly', gateway.mcp({ virtualServer: 'analyst' }))
    app.use('/all', gateway.mcp())
  })
  expect(await toolsAt(`${base}/team`, era)).toEqual(['rec__read'])
  expect(await toolsAt(`${base}/exactly`, era)).toEqual(['rec__read'])
  expect(await toolsAt(`${base}/all`, era)).toEqual(BOTH)
  // one virtual server is nothing else, whatever the path below it
  for (const path of ['/team/mcp', '/team/mcp/analyst', '/all/elsewhere'])
    expect((await rpc(`${base}${path}`, {})).text).toBe('the application has nothing here')
})

it('below a mount that ends in them, the paths of the configuration lead where they lead', async () => {
  recorder = await startRecorder({ tools: ['read', 'write'] })
  const base = await mount((app) => void app.use(gateway.mcp()))
  expect(await toolsAt(`${base}/mcp`)).toEqual(BOTH)
  expect(await toolsAt(`${base}/mcp/analyst`)).toEqual(['rec__read'])
  await using peer = await openSse(`${base}/sse`, { protocolVersion: '2024-11-05' })
  expect((await peer.ask(1, 'tools/list')).result?.tools).toHaveLength(2)
  expect((await rpc(`${base}/other`, {})).text).toBe('the application has nothing here')
})

it('one that a reload takes away does not become the whole gateway', async () => {
  recorder = await startRecorder({ tools: ['read', 'write'] })
  await using directory = await temporaryDirectory()
  const write = (virtual: object[]) =>
    directory.write('gateway.yaml', JSON.stringify(configOf(virtual)))
  const file = await write(VIRTUAL)
  const base = await mount((app) => {
    app.use('/team', gateway.mcp({ virtualServer: 'analyst' }))
    app.use('/mcp', gateway.mcp())
  }, file)
  const paths = ['/mcp/analyst', '/team']
  for (const path of paths) expect(await toolsAt(base + path)).toEqual(['rec__read'])
  const { headers } = await openSession(`${base}/team`)
  await write([])
  expect((await gateway.reload()).outcome).toBe('applied')
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
  const answers = await Promise.all(paths.map((path) => rpc(base + path, ping, headers)))
  expect(answers.map(({ status }) => status)).toEqual([404, 404])
  expect(answers[1]?.response?.error?.data?.code).toBe('WIRE_NOT_FOUND')
  expect(await toolsAt(`${base}/mcp`)).toEqual(BOTH)
})
