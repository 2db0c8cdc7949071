// What node:tls is given for a server whose trust somebody else decides about: roots, our own certificate, versions, who it must be.
import { createRequire } from 'node:module'
import type { ConnectionOptions, SecureContext } from 'node:tls'
import type { TlsOptions } from '../client.ts'

const require = createRequire(import.meta.url)

/** Made once for many connections: reading hundreds of roots takes milliseconds. Throws what node:tls says of bad PEM. */
export function contextOf(tls: TlsOptions): SecureContext {
  const { createSecureContext } = require('node:tls') as typeof import('node:tls')
  const { ca, cert, key, minVersion } = tls
  return createSecureContext({
    // none at all is not the same as the roots of the system: then nobody is trusted
    ...(ca && { ca: [...ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(minVersion && { minVersion }),
  })
}

/** Of one connection, besides its context. */
export function identityOf({ identity }: TlsOptions): ConnectionOptions {
  // asked only when the chain is good; what the peer is called in DNS is then no question any more
  return identity ? { checkServerIdentity: (_host, { raw }) => identity(raw) } : {}
}
