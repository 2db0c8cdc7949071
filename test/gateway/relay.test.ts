// Large results of tools that no policy looks at: passed on as they come, byte for byte but for the id, and never half of one as if it were whole.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import { type CodeEntry, runGateway, server } from './running.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const LISTED = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' }
const release: (() => unknown)[] = []

afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

type Answer = (id: number, response: ServerResponse) => void

/** A modern server whose tool answers as the test says. */
async function serverThat(answer: Answer): Promise<string> {
  const http = createServer(async (incoming, response) => {
    const { id, method } = JSON.parse(await text(incoming)) as { id: number; method: string }
    if (method === 'tools/call') return answer(id, response)
    const results: Record<string, object> = {
      'server/discover': { ...LISTED, supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } },
      'tools/list': { ...LISTED, tools: [{ name: 'big', inputSchema: { type: 'object' } }] },
    } // biome-ignore format: a table
    const result = results[method]
    if (!result) return void response.writeHead(404, JSON_TYPE).end('{}')
    response.writeHead(200, JSON_TYPE).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => http.once('listening', resolve))
  release.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`
}

const JSON_TYPE = { 'content-type': 'application/json' }
const ROWS = Array.from({ length: 3000 }, (_, row) => ({ row, text: 'é "quoted" \\ ünd { [ , ' }))
const RESULT = JSON.stringify({ resultType: 'complete', content: [], structuredContent: { ROWS } })

const sendWhole =
  (body: (id: number) => string): Answer =>
  (id, response) => {
    const bytes = Buffer.from(body(id))
    response.writeHead(200, { ...JSON_TYPE, 'content-length': bytes.length }).end(bytes)
  }

async function gatewayTo(answer: Answer, entries: CodeEntry[] = []): Promise<string> {
  const gateway = await runGateway({ servers: [server('s', await serverThat(answer))] }, entries)
  release.push(() => gateway[Symbol.asyncDispose]())
  return gateway.url
}

function call(url: string, id: string | number, accept = 'application/json, text/event-stream') {
  const params = { name: 's__big', arguments: {}, _meta: META }
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  const headers = {
    ...JSON_TYPE, accept, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 's__big',
  } // biome-ignore format: a table
  return new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method: 'POST', headers }, resolve).on('error', reject).end(body)
  })
}

const broken = (response: IncomingMessage) =>
  text(response).then(
    () => 'ended as if it were whole',
    () => 'broken off',
  )

it.each([
  ['first', (id: string) => `{"jsonrpc":"2.0","id":${id},"result":${RESULT}}`],
  ['last', (id: string) => `{ "result" : ${RESULT} ,\n"jsonrpc":"2.0", "id" : ${id} }\n`],
])('comes out as it came but for the id, which stands %s', async (_where, body) => {
  const url = await gatewayTo(sendWhole((id) => body(String(id))))
  for (const id of ['a "long" id of the client', 5]) {
    const response = await call(url, id)
    const received = await text(response)
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(received)))
    expect(received === body(JSON.stringify(id))).toBe(true)
  }
})

it('begins before it has ended', async () => {
  let finish = () => {}
  const url = await gatewayTo((id, response) => {
    const bytes = Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":${RESULT}}`)
    response.writeHead(200, { ...JSON_TYPE, 'content-length': bytes.length })
    response.write(bytes.subarray(0, 40_000))
    finish = () => response.end(bytes.subarray(40_000))
  })
  const response = await call(url, 1)
  const [first] = await new Promise<[Buffer]>((resolve) =>
    response.once('data', (...all: [Buffer]) => resolve(all)),
  )
  expect(first.toString('utf8', 0, 30)).toBe('{"jsonrpc":"2.0","id":1,"resul')
  finish()
  response.resume()
  await new Promise((resolve) => response.once('end', resolve))
})

it('waits for a client that reads slowly, and comes whole', async () => {
  const huge = JSON.stringify({
    resultType: 'complete',
    content: [],
    structuredContent: 'x'.repeat(12_000_000),
  })
  const url = await gatewayTo(sendWhole((id) => `{"jsonrpc":"2.0","result":${huge},"id":${id}}`))
  const response = await call(url, 1)
  response.pause()
  await new Promise((resolve) => setTimeout(resolve, 300))
  const received = await text(response)
  expect(received === `{"jsonrpc":"2.0","result":${huge},"id":1}`).toBe(true)
})

it.each([
  ['the server breaks off', `{"jsonrpc":"2.0","id":ID,"result":${RESULT}}`, 50_000],
  ['the id at its end is another', `{"jsonrpc":"2.0","result":${RESULT},"id":99999}`, undefined],
  [
    'it turns out to ask the client',
    `{"jsonrpc":"2.0","id":ID,"result":${RESULT.slice(0, -1)},"inputRequests":{"secret":{}}}}`,
    undefined,
  ],
  ['something follows it', `{"jsonrpc":"2.0","id":ID,"result":${RESULT}}{}`, undefined],
])('is broken off, never ended, when %s; the gateway goes on', async (_what, body, cut) => {
  const url = await gatewayTo((id, response) => {
    const bytes = Buffer.from(body.replace('ID', String(id)))
    response.writeHead(200, { ...JSON_TYPE, 'content-length': bytes.length })
    if (cut === undefined) response.end(bytes)
    else response.write(bytes.subarray(0, cut), () => response.destroy())
  })
  for (const id of [1, 2]) {
    const response = await call(url, id)
    const chunks: string[] = []
    response.on('data', (chunk) => chunks.push(String(chunk)))
    expect(await broken(response)).toBe('broken off')
    expect(chunks.join('').includes('secret')).toBe(false)
  }
})

it('of the wrong outline is answered as an error, like a small one', async () => {
  const url = await gatewayTo(
    sendWhole((id) => `{"jsonrpc":"2.0","id":${id},"id":${id},"result":${RESULT}}`),
  )
  const body = JSON.parse(await text(await call(url, 1))) as { error: { data: { code: string } } }
  expect(body.error.data.code).toBe('UPSTREAM_PROTOCOL')
})

it('goes as an event to a client that takes nothing else, and is whole for policies and large errors', async () => {
  const body = (id: number) => `{"jsonrpc":"2.0","id":${id},"result":${RESULT}}`
  const url = await gatewayTo(sendWhole(body))
  const events = await text(await call(url, 1, 'text/event-stream'))
  expect(events.includes(`data: ${body(1)}`)).toBe(true)

  const seen: number[] = []
  const watched = await gatewayTo(sendWhole(body), [
    {
      name: 'watch',
      hooks: {
        tool_post_invoke: ({ result }) => void seen.push(result?.structuredContent.ROWS.length),
      },
    },
  ])
  expect((await text(await call(watched, 1))) === body(1)).toBe(true)
  expect(seen).toEqual([3000])

  const failing = await gatewayTo(
    sendWhole(
      (id) => `{"jsonrpc":"2.0","id":${id},"error":{"code":-1,"message":"m","data":${RESULT}}}`,
    ),
  )
  expect(JSON.parse(await text(await call(failing, 1)))).toMatchObject({
    id: 1,
    error: { code: -1 },
  })
})
