// Reference: a gateway made of the MCP SDK alone - its server for clients, one client of it for the upstream, wired as its documentation says.
// https://ts.sdk.modelcontextprotocol.io/v2/serving/http: one server object per request behind createMcpHandler, mounted in its Express app.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpExpressApp } from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, Server } from '@modelcontextprotocol/server'
import { announce, type Setting, setting } from './serve.ts'

const { upstream } = setting<Setting>()
const info = { name: 'sdk-gateway', version: '1.0.0' }
const client = new Client(info, { versionNegotiation: { mode: 'auto' } })
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))

const handler = createMcpHandler(() => {
  const server = new Server(info, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', ({ params }) => client.listTools(params))
  server.setRequestHandler('tools/call', ({ params }) => client.callTool(params))
  return server
})
const handle = toNodeHandler(handler)
const app = createMcpExpressApp({ jsonLimit: '4mb' })
app.all('/mcp', (req, res) => void handle(req, res, req.body))
announce(app.listen(0, '127.0.0.1'))
