// TLS in front of a plain server of this machine: what comes is passed on, and it is known on which key, with which certificate, how often.
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer, type PeerCertificate, type TLSSocket, type TlsOptions } from 'node:tls'

export interface TlsFront {
  readonly port: number
  /** Handshakes that came about, with what was shown and seen. */
  readonly handshakes: { resumed: boolean; client: PeerCertificate; protocol: string | null }[]
  /** Bytes of plain text that came, all in all. */
  received(): number
  connections(): number
  /** What new connections are greeted with. */
  rekey(options: Pick<TlsOptions, 'cert' | 'key'>): void
  /** Breaks all connections. */
  drop(): void
  close(): Promise<void>
}

export async function startTlsFront(to: number, options: TlsOptions): Promise<TlsFront> {
  const handshakes: TlsFront['handshakes'] = []
  const sockets = new Set<Socket>()
  const open = new Set<TLSSocket>()
  let received = 0
  const server = createServer(options, (socket) => {
    open.add(socket)
    handshakes.push({
      resumed: socket.isSessionReused(),
      client: socket.getPeerCertificate(),
      protocol: socket.getProtocol(),
    })
    const behind = connect(to, '127.0.0.1')
    sockets.add(behind)
    socket.on('data', (chunk) => {
      received += chunk.length
    })
    socket.pipe(behind).pipe(socket)
    const end = () => {
      open.delete(socket)
      sockets.delete(behind)
      socket.destroy()
      behind.destroy()
    }
    for (const each of [socket, behind]) each.on('error', end).on('close', end)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    handshakes,
    received: () => received,
    connections: () => open.size,
    rekey: (made) => server.setSecureContext({ ...options, ...made }),
    drop,
    async close() {
      drop()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
