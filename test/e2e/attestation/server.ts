// A real MCP server over TLS that attests itself by what a test gives it, and can be told to misbehave.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import {
  ATTESTATION_PATH,
  createAttester,
  type EvidenceSource,
} from '../../../examples/attested-server/attester.ts'
import type { Pem } from './authority.ts'

export type Answering = (request: IncomingMessage, response: ServerResponse) => void

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** How often it was challenged, and how often its tool was called. */
  readonly challenged: () => number
  readonly called: () => number
  /** Another certificate and key from now on; whoever is connected is cut off. */
  rekey(pem: Pem): void
  /** What makes its evidence from now on. */
  attestWith(...sources: readonly EvidenceSource[]): void
  /** What it answers challenges by as it is now. */
  attester(): Answering
  /** Instead of it. */
  answerWith(answer: Answering | undefined): void
}

export interface TestServerOptions extends Pem {
  readonly serverId: string
  readonly sources?: readonly EvidenceSource[]
  readonly tls?: TlsOptions
  /** What it believes to be reached at; its own url by default. */
  readonly targetUrl?: string
}

export async function attestedServer(options: TestServerOptions): Promise<TestServer> {
  const { serverId, tls = {} } = options
  let { cert, key, sources = [] } = options
  let called = 0
  let challenged = 0
  let answer: Answering | undefined
  const handler = createMcpHandler(() => {
    const mcp = new McpServer({ name: serverId, version: '1.0.0' })
    mcp.registerTool('where', { description: 'Says where it runs' }, async () => {
      called++
      return { content: [{ type: 'text' as const, text: 'here' }] }
    })
    return mcp
  })
  const mcp = toNodeHandler(handler)
  const server = createServer({ minVersion: 'TLSv1.3', ...tls, cert, key })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `https://localhost:${port}/mcp`
  const attester = () =>
    createAttester({ serverId, targetUrl: options.targetUrl ?? url, certificate: cert, sources })
  let attest = attester()
  server.on('request', (request, response) => {
    if (request.url !== ATTESTATION_PATH) return void mcp(request, response)
    challenged++
    return void (answer ?? attest)(request, response)
  })
  return {
    url,
    port,
    challenged: () => challenged,
    called: () => called,
    rekey(pem) {
      cert = pem.cert
      key = pem.key
      server.setSecureContext({ minVersion: 'TLSv1.3', ...tls, cert, key })
      attest = attester()
      server.closeAllConnections()
    },
    attestWith(...made) {
      sources = made
      attest = attester()
    },
    attester: () => attest,
    answerWith(made) {
      answer = made
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await handler.close()
    },
  }
}
