// What a host of the gateway does besides mounting it: listens, says where on stdout, and closes at SIGTERM.
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'

export function serve(app: Express, close: () => Promise<void>): void {
  const server = app.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
  })
  process.once('SIGTERM', async () => {
    server.close()
    await close()
    process.exit(0)
  })
}
