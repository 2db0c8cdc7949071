// Headers: what a client or a policy puts into them reaches a server only where it is meant to, and never as another header.
import { request } from 'node:http'
import { expect, it } from 'vitest'
import { patch } from '../../src/plugin.ts'
import { connect, ERAS } from '../gateway/peers.ts'
import { startRecorder } from '../gateway/recorder.ts'
import { type CodeEntry, runGateway, server } from '../gateway/running.ts'
import { modernRequest } from '../support/rpc.ts'

const GIVEN = {
  authorization: 'Bearer of-the-client',
  'proxy-authorization': 'Basic of-the-client',
  cookie: 'sid=of-the-client',
  'x-forwarded-for': '203.0.113.7',
  forwarded: 'for=203.0.113.7',
  'x-api-key': 'of-the-client',
  'last-event-id': 'of-the-client',
  'user-agent': 'of-the-client',
  origin: 'http://127.0.0.1',
  te: 'trailers',
}

it.each(ERAS)('no header of a client reaches a server, in the %s era', async (era) => {
  await using recorder = await startRecorder()
  const headers = { 'x-api-key': 'of-the-operator' }
  await using gateway = await runGateway({ servers: [server('rec', recorder.url, { headers })] })
  const { origin: _, te: __, ...given } = GIVEN
  const peer = await connect(era, gateway.url, { headers: given })
  await peer.call('rec__echo')
  const sent = recorder.calls('tools/call').at(-1)?.headers ?? {}
  expect(sent['x-api-key']).toBe('of-the-operator')
  expect(JSON.stringify(sent)).not.toMatch(/of-the-client|203\.0\.113/)
})

it.each([
  ['a line end in a value', { 'x-a': 'b\r\nx-injected: 1' }],
  ['a line feed in a value', { 'x-a': 'b\nx-injected: 1' }],
  ['a NUL in a value', { 'x-a': 'b\0' }],
  ['a line end in a name', { 'x-a\r\nx-injected': '1' }],
  ['an empty name', { '': '1' }],
  ['the host', { Host: 'evil.example.com' }],
  ['the length', { 'Content-Length': '1' }],
  ['a coding', { 'transfer-encoding': 'chunked' }],
  ['the session', { 'Mcp-Session-Id': 'another' }],
  ['the tool', { 'MCP-Name': 'other' }],
  ['no text', { 'x-a': 1 as unknown as string }],
])(
  'a policy that sets %s for a server is at fault, and nothing is sent',
  async (_what, headers) => {
    await using recorder = await startRecorder()
    const entry: CodeEntry = {
      name: 'sets',
      hooks: { tool_pre_invoke: () => patch({ headers: headers as Record<string, string> }) },
    }
    await using gateway = await runGateway({ servers: [server('rec', recorder.url)] }, [entry])
    const peer = await connect('legacy', gateway.url)
    expect((await peer.call('rec__echo')).error?.data?.code).toBe('PLUGIN_PATCH_INVALID')
    expect(recorder.calls('tools/call')).toHaveLength(0)
  },
)

it('a policy does not override what the operator configured for a server', async () => {
  await using recorder = await startRecorder()
  const entry: CodeEntry = {
    name: 'sets',
    hooks: { tool_pre_invoke: () => patch({ headers: { 'X-API-Key': 'mine', 'x-own': 'kept' } }) },
  }
  const headers = { 'x-api-key': 'of-the-operator' }
  const config = { servers: [server('rec', recorder.url, { headers })] }
  await using gateway = await runGateway(config, [entry])
  await (await connect('legacy', gateway.url)).call('rec__echo')
  const sent = recorder.calls('tools/call').at(-1)?.headers ?? {}
  expect([sent['x-api-key'], sent['x-own']]).toEqual(['of-the-operator', 'kept'])
})

it('a parameter header of raw bytes ends in an answer and injects nothing', async () => {
  await using recorder = await startRecorder()
  await using gateway = await runGateway({ servers: [server('rec', recorder.url)] })
  const { body, headers } = modernRequest('tools/call', { name: 'rec__echo', arguments: {} })
  const answer = await new Promise<number>((resolve, reject) => {
    const sent = request(gateway.url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-param-odd': '\x80\xff\xfe',
      },
    })
    sent.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
  expect(answer).toBe(200)
  const peer = await connect('modern', gateway.url)
  expect((await peer.call('rec__echo')).result).toBeDefined()
})
