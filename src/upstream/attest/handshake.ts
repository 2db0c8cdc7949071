// A TLS connection of its own to a server's url, never resumed and never shared; whether the peer may be trusted is said, not decided.
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { AppError } from '../../base/errors.ts'
import type { TlsOptions } from '../client.ts'
import { contextOf, identityOf } from '../tls/context.ts'

/** Where a url leads. */
export interface Place {
  readonly hostname: string
  readonly port: number
  /** As the Host header has it. */
  readonly host: string
  /** Path and query. */
  readonly path: string
}

/** Throws CONFIG_INVALID for a url that is not https or wss. */
export function placeOf(url: string): Place {
  const { protocol, hostname, port, host, pathname, search } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'wss:')
    throw new AppError('CONFIG_INVALID', 'a server that is not reached over TLS cannot be attested')
  return {
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 443 : Number(port),
    host,
    path: pathname + search,
  }
}

/** Begins; `secureConnect` comes whatever the peer shows. Throws CONFIG_INVALID where certificates or key cannot be read. */
export function beginTls({ hostname, port }: Place, tls: TlsOptions): TLSSocket {
  return connect({
    host: hostname,
    port,
    ...(isIP(hostname) === 0 && { servername: hostname }),
    secureContext: contextFor(tls),
    // the verdict is taken from `authorized`, which is told to whoever asked for the connection
    rejectUnauthorized: false,
    requestOCSP: true,
    ALPNProtocols: ['http/1.1'],
    ...identityOf(tls),
  })
}

function contextFor(tls: TlsOptions): ReturnType<typeof contextOf> {
  try {
    return contextOf(tls)
  } catch (cause) {
    const what = 'the certificates or the key for the connection cannot be read'
    throw new AppError('CONFIG_INVALID', what, { cause })
  }
}

export function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('secureConnect', resolve))
}
