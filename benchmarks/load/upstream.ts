// The canned MCP server as a process of its own, as cheap as Node can be: a raw socket, prepared bytes, the id of each request.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import {
  EVENTS,
  type Message,
  RequestReader,
  readMessage,
  responseTo,
  STREAM_END,
  STREAM_HEAD,
  streamEvent,
} from './canned.ts'

const SLOW = 20
const { interval = 5 } = JSON.parse(process.argv[2] ?? '{}') as { interval?: number }
const REFUSED = 'HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n'
const GONE = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new RequestReader()
  socket.on('data', (chunk: Buffer) => {
    for (const { method, body } of reader.push(chunk)) {
      if (method === 'POST') answer(socket, readMessage(body))
      else socket.write(method === 'DELETE' ? GONE : REFUSED)
    }
  })
  // a client that goes away is no event for a benchmark of others
  socket.on('error', () => socket.destroy())
})
server.listen(0, '127.0.0.1', 4096, () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})

function answer(socket: Socket, message: Message): void {
  if (message.tool === 'stream') return void stream(socket, message)
  const response = responseTo(message)
  if (message.tool === 'slow') setTimeout(() => socket.write(response, 'latin1'), SLOW)
  else socket.write(response, 'latin1')
}

function stream(socket: Socket, message: Message): void {
  socket.write(STREAM_HEAD + streamEvent(message, 0, process.hrtime.bigint()), 'latin1')
  let index = 0
  const timer = setInterval(() => {
    socket.write(streamEvent(message, ++index, process.hrtime.bigint()), 'latin1')
    if (index < EVENTS && !socket.destroyed) return
    clearInterval(timer)
    socket.write(STREAM_END, 'latin1')
  }, interval)
}
