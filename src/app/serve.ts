// The listeners of the standalone gateway: bound, drained and closed in order.

import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError, messageOf } from '../base/errors.ts'
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

const IDLE_SWEEP = 50

/** Stops accepting; connections without a request are closed at once, the others when `deadline` resolves. */
export async function stop(server: Server, deadline: Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // a connection that was busy stays open after its answer, for a next request that would come in vain
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP)
  try {
    await Promise.race([closed, deadline])
  } finally {
    clearInterval(sweep)
  }
  server.closeAllConnections()
  await closed
}

/** Rejects with CONFIG_INVALID that names the file. */
export async function readTls({ tls }: ListenOptions): Promise<TlsFiles | undefined> {
  if (!tls) return undefined
  const [cert, key, ca] = await Promise.all([
    readPem('cert', tls.cert),
    readPem('key', tls.key),
    tls.client_ca === undefined ? undefined : readPem('client_ca', tls.client_ca),
  ])
  const files = { cert, key, ...(ca ? { ca } : {}) }
  try {
    process.getBuiltinModule('node:tls').createSecureContext(files)
  } catch (error) {
    throw new AppError(
      'CONFIG_INVALID',
      `listen.tls: certificate and key cannot be used: ${messageOf(error)}`,
    )
  }
  return files
}

async function readPem(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new AppError(
      'CONFIG_INVALID',
      `listen.tls.${name}: ${path} cannot be read: ${messageOf(error)}`,
    )
  }
}
