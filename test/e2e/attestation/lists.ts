// A place on loopback where a revocation list is had from, once there is one.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ListServer extends AsyncDisposable {
  readonly url: string
  serve(list: Buffer): void
}

export async function listServer(): Promise<ListServer> {
  let list: Buffer | undefined
  const server = createServer((_request, response) => {
    response.writeHead(list ? 200 : 404).end(list)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/list.crl`,
    serve(made) {
      list = made
    },
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}
