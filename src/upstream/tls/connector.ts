// How undici connects to a server: as it does by itself, or by what is decided about the peer, whose key is looked at before a byte of HTTP.

import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { identityOf } from './context.ts'
import type { Peer } from './peer.ts'

const require = createRequire(import.meta.url)

/** One per pool: it asks at each connection what is decided then. */
export function createConnector(peer: Peer, timeout: number): buildConnector.connector {
  const build = require('undici/lib/core/connect.js') as typeof buildConnector
  let plain: buildConnector.connector | undefined
  return (options, callback) => {
    const { context: secureContext, trust } = peer
    if (!secureContext) {
      plain ??= build({ allowH2: false, timeout })
      plain(options, callback)
      return
    }
    const connect = build({
      allowH2: false,
      timeout,
      // of a resumed session node reports no certificate
      maxCachedSessions: 0,
      secureContext,
      // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      rejectUnauthorized: true,
      ...identityOf(trust.tls ?? {}),
    })
    connect(options, (...[error, socket]) => {
      const wrong = socket && verified(peer, secureContext, socket)
      if (!socket || error) callback(error as Error, null)
      else if (wrong) {
        socket.destroy()
        callback(wrong, null)
      } else callback(null, socket)
    })
  }
}

function verified(peer: Peer, context: unknown, socket: Socket): Error | undefined {
  // decided anew while the handshake went on: the roots it was checked with may be no roots any more
  if (peer.context !== context)
    return new Error('what the peer has to prove was set anew meanwhile')
  return peer.verify(socket)
}
