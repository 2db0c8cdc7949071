// Reference for cold starts: the least that serves a tool call, `node:http` and nothing else; plain JavaScript, so that nothing is compiled.
import { createServer } from 'node:http'

const { marker } = JSON.parse(process.argv[2])
const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const { id } = JSON.parse(Buffer.concat(chunks).toString())
    const result = { content: [{ type: 'text', text: marker }] }
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`)
})
process.once('SIGTERM', () => process.exit(0))
