// An MCP server over TLS that attests itself: /mcp as ever, and the attester beside it in the same process.
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { ATTESTATION_PATH, createAttester, type EvidenceSource } from './attester.ts'

export interface ServerOptions {
  readonly serverId: string
  /** PEM. */
  readonly certificate: string
  readonly key: string
  readonly sources: readonly EvidenceSource[]
}

export interface AttestedServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

export async function startServer(options: ServerOptions): Promise<AttestedServer> {
  const handler = createMcpHandler(() => {
    const mcp = new McpServer({ name: 'attested', version: '1.0.0' })
    const answer = async () => ({
      content: [{ type: 'text' as const, text: 'from an attested server' }],
    })
    mcp.registerTool('where', { description: 'Says where it runs' }, answer)
    return mcp
  })
  const mcp = toNodeHandler(handler)
  // TLS 1.3: its exporter is bound to the whole handshake
  const server = createServer({
    cert: options.certificate,
    key: options.key,
    minVersion: 'TLSv1.3',
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `https://localhost:${port}/mcp`
  const attest = createAttester({ ...options, targetUrl: url })
  server.on('request', (request, response) => {
    void (request.url === ATTESTATION_PATH ? attest(request, response) : mcp(request, response))
  })
  return {
    url,
    port,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await handler.close()
    },
  }
}
