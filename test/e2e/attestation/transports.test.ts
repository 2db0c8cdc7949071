// Attested servers over WebSocket and over HTTP+SSE in front of a real gateway: admitted, used, and cut off when they show another key.
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ATTESTATION_PATH, createAttester } from '../../../examples/attested-server/attester.ts'
import { makeChip } from '../../attest/synthetic/snp.ts'
import { startSdkSse } from '../../fixtures/upstream/sdk-sse.ts'
import { startBridge } from '../../fixtures/upstream/websocket-bridge.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { liveAuthority, type Pem, pemOf } from './authority.ts'
import { program } from './program.ts'
import { policyOf, snpSource } from './snp.ts'
import { callTool, type World, world } from './world.ts'

const authority = liveAuthority()
const chip = makeChip({ product: 'Milan' })

/** Ends TLS in front of a plain server, and attests for it. */
async function attestingFront(name: string, scheme: string, path: string, to: number, pem: Pem) {
  const sockets = new Set<Duplex>()
  let isSilent = false
  let passed = 0
  const server = createServer({ ...pem })
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `${scheme}://localhost:${port}${path}`
  const attest = createAttester({
    serverId: name,
    targetUrl: url,
    certificate: pem.cert,
    sources: [snpSource(chip)],
  })
  server.on('request', (request, response) => {
    if (request.url === ATTESTATION_PATH)
      return void (isSilent ? response.writeHead(503).end() : attest(request, response))
    passed++
    const { method, headers, url: target } = request
    const behind = httpRequest(
      { port: to, host: '127.0.0.1', method, headers, path: target },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    behind.on('error', () => response.destroy())
    response.on('close', () => behind.destroy())
    request.pipe(behind)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    passed++
    const behind: Socket = connect(to, '127.0.0.1')
    sockets.add(socket)
    const lines = request.rawHeaders.flatMap((each, at, all) =>
      at % 2 === 0 ? [`${each}: ${all[at + 1]}`] : [],
    )
    behind.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    behind.write(head)
    for (const each of [socket, behind])
      each
        .on('error', () => {})
        .on('close', () => {
          socket.destroy()
          behind.destroy()
        })
    socket.pipe(behind).pipe(socket)
  })
  return {
    url,
    /** Requests and upgrades that went to the plain server. */
    passed: () => passed,
    /** Another key from now on, under which nothing is attested; whoever is connected is cut off. */
    rekey(other: Pem) {
      isSilent = true
      server.setSecureContext({ ...other })
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

type Front = Awaited<ReturnType<typeof attestingFront>>

describe('an attested server', () => {
  const open: AsyncDisposable[] = []
  const fronts: Record<string, Front> = {}
  let made: World
  beforeAll(async () => {
    const directory = await temporaryDirectory({ 'server.mjs': program() })
    const socket = await startBridge(process.execPath, [`${directory.path}/server.mjs`])
    const stream = await startSdkSse()
    open.push(directory, socket, { [Symbol.asyncDispose]: () => stream.close() })
    const portOf = ({ url }: { url: string }) => Number(new URL(url).port)
    const { pathname } = new URL(stream.url)
    fronts.socket = await attestingFront('socket', 'wss', '/', portOf(socket), authority.leaf())
    fronts.stream = await attestingFront(
      'stream',
      'https',
      pathname,
      portOf(stream),
      authority.leaf(),
    )
    open.push(fronts.socket, fronts.stream)
    made = await world({
      servers: [
        { name: 'socket', url: fronts.socket.url, attestation: 'prod' },
        { name: 'stream', url: fronts.stream.url, transport: 'sse', attestation: 'prod' },
      ],
      attestation: {
        anchors: { live: { pem: authority.pem } },
        roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
      },
      policies: [policyOf({ result: { ttl: '1h', reattest: { interval: '30m', jitter: '0%' } } })],
    })
    open.push(made)
  }, 40_000)
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  it.each([
    ['WebSocket', 'socket', 'where', 'here'],
    ['HTTP+SSE', 'stream', 'count', 'counted'],
  ])(
    'over %s is used, and sent nothing once it shows another key',
    async (_transport, name, tool, says) => {
      expect(made.admission(name)).toEqual({ admission: 'admitted', reason: undefined })
      const call = () => callTool(made.gateway.url, `${name}__${tool}`)
      expect((await call()).text).toContain(`"text":"${says}"`)
      fronts[name]?.rekey(authority.leaf())
      const passed = fronts[name]?.passed()
      await expect
        .poll(async () => (await call()).text, { timeout: 15_000 })
        .toContain('UPSTREAM_QUARANTINED')
      expect(made.admission(name).admission).toBe('quarantined')
      expect(made.admission(name).reason).toContain('another key than the one that was admitted')
      expect(fronts[name]?.passed()).toBe(passed)
    },
  )
})
