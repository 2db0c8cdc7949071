// Reference for cold starts: Express in front of an undici pool, with the compile cache on; it forwards bytes and knows no MCP.
import * as module from 'node:module'

module.enableCompileCache()
const { default: express } = await import('express')
const { Pool } = await import('undici')

const { upstream } = JSON.parse(process.argv[2])
const pool = new Pool(new URL(upstream).origin)
const app = express()
app.post('/mcp', express.raw({ type: () => true }), async (request, response) => {
  const { statusCode, headers, body } = await pool.request({
    method: 'POST',
    path: '/mcp',
    headers: { 'content-type': 'application/json' },
    body: request.body,
  })
  response.writeHead(statusCode, { 'content-type': headers['content-type'] })
  response.end(Buffer.from(await body.arrayBuffer()))
})
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`)
})
process.once('SIGTERM', () => process.exit(0))
