// The listeners of the standalone gateway: bound, drained and closed in order.

import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../base/errors.ts'
import type { TlsFiles } from '../gateway/http.ts'
import type { ListenOptions } from '../gateway/options.ts'

/** Rejects with the reason a person can act on. */
export function listen(
  server: Server,
  host: string,
  port: number,
  what: string,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'the port is in use; choose another one'
          : error.code === 'EACCES'
            ? 'the port is not allowed; choose one above 1023'
            : error.message
      reject(new AppError('LISTEN_FAILED', `${what} cannot listen on ${host}:${port}: ${why}`))
    }
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      resolve(server.address() as AddressInfo)
    })
  })
}

/** Stops accepting; connections without a request are closed at once, the others when `deadline` resolves. */
export async function stop(server: Server, deadline: Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  await Promise.race([closed, deadline])
  server.closeAllConnections()
  await closed
}

export async function readTls({ tls }: ListenOptions): Promise<TlsFiles | undefined> {
  if (!tls) return undefined
  const [cert, key, ca] = await Promise.all([
    readFile(tls.cert),
    readFile(tls.key),
    tls.client_ca ? readFile(tls.client_ca) : undefined,
  ])
  return { cert, key, ...(ca ? { ca } : {}) }
}
