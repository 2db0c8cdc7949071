// Reference: a bare proxy of node:http, streams piped both ways over connections kept alive; it reads no byte of any message.
import { Agent, createServer, request } from 'node:http'
import { announce, setting } from './serve.ts'

const { hostname, port, pathname: path } = new URL(setting().upstream)
const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 })

const server = createServer((req, res) => {
  const { method, headers } = req
  const up = request({ agent, hostname, port, path, method, headers }, (reply) => {
    res.writeHead(reply.statusCode ?? 502, reply.headers)
    reply.pipe(res)
  })
  up.on('error', () => {
    if (!res.headersSent) res.writeHead(502)
    res.end()
  })
  req.pipe(up)
})
announce(server.listen(0, '127.0.0.1'))
