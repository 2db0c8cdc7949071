// The connection a server is attested over: what was seen of the peer, what evidence can be bound to, and requests over that very socket.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { AppError } from '../../base/errors.ts'
import type { TlsOptions } from '../client.ts'
import { spkiSha256 } from '../tls/spki.ts'
import { beginTls, type Place, placeOf, secured } from './handshake.ts'
import { Life, type LifeOptions } from './life.ts'
import { type AttestAnswer, type AttestRequest, agentOver, send } from './request.ts'

export type { AttestAnswer, AttestRequest } from './request.ts'

export interface AttestConnectOptions extends LifeOptions {
  /** What `authorized` is judged by. */
  readonly tls: TlsOptions
}

export interface AttestConnection {
  /** Such as `TLSv1.3`. */
  readonly protocol: string
  /** DER, as presented, the leaf first; nothing of it has been checked beyond `authorized`. */
  readonly chain: readonly Uint8Array[]
  /** Lower-case hex SHA-256 of the DER of the leaf's key: the subject of what is admitted, and the pin of what follows. */
  readonly leafSpkiSha256: string
  /** The stapled OCSP response as it came. */
  readonly ocspStaple: Uint8Array | undefined
  /** Whether node:tls takes the chain and the name of the peer for good. */
  readonly authorized: boolean
  /** Its code when it does not, such as `CERT_HAS_EXPIRED`. */
  readonly authorizationError: string | undefined
  readonly peer: { readonly address: string; readonly port: number }
  /** Keying material that only the two ends of this connection know (RFC 5705, RFC 8446 section 7.5). Throws when it is over. */
  exporter(label: string, context: Uint8Array, length: number): Uint8Array
  /**
   * Over this socket and no other, one at a time; redirects are not followed. Rejects with UPSTREAM_UNAVAILABLE, _TIMEOUT,
   * _TOO_LARGE, _PROTOCOL or DISPATCH_ABORTED, and the connection is over then.
   */
  request(
    request: AttestRequest,
    options: { readonly limit: number; readonly signal?: AbortSignal | undefined },
  ): Promise<AttestAnswer>
  /** Idempotent. */
  close(): void
}

/** Most that a peer may present. */
const MAX_CERTIFICATES = 10
const MAX_CHAIN_BYTES = 64 * 1024
const MAX_STAPLE_BYTES = 16 * 1024

/** Rejects as requests do, and with CONFIG_INVALID for a url without TLS or certificates that cannot be read. */
export async function connectForAttestation(
  url: string,
  options: AttestConnectOptions,
): Promise<AttestConnection> {
  const place = placeOf(url)
  const socket = beginTls(place, options.tls)
  const life = new Life(socket, options)
  let staple: Uint8Array | undefined
  socket.once('OCSPResponse', (response: Buffer | null) => {
    if (response && response.length > 0) staple = response
  })
  try {
    await life.within(secured(socket))
    return connectionOver(socket, place, life, seenOf(socket, staple))
  } catch (error) {
    life.end()
    throw error
  }
}

type Seen = Omit<AttestConnection, 'exporter' | 'request' | 'close'>

function seenOf(socket: TLSSocket, staple: Uint8Array | undefined): Seen {
  if (socket.isSessionReused()) throw broke('resumed a session nobody offered')
  const chain = chainOf(socket.getPeerX509Certificate())
  const leafSpkiSha256 = chain[0] && spkiSha256(chain[0])
  if (leafSpkiSha256 === undefined) throw broke('presented no certificate')
  if (staple && staple.byteLength > MAX_STAPLE_BYTES)
    throw tooLarge(`an OCSP response of more than ${MAX_STAPLE_BYTES} bytes`)
  const { authorized, authorizationError, remoteAddress = '', remotePort = 0 } = socket
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    chain,
    leafSpkiSha256,
    ocspStaple: staple,
    authorized,
    authorizationError: authorized ? undefined : String(authorizationError ?? 'UNSPECIFIED'),
    peer: { address: remoteAddress, port: remotePort },
  }
}

// node:tls keeps the order of the message, and what does not belong in it
function chainOf(leaf: X509Certificate | undefined): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let bytes = 0
  for (let each = leaf; each; each = each.issuerCertificate) {
    bytes += each.raw.byteLength
    if (chain.length === MAX_CERTIFICATES || bytes > MAX_CHAIN_BYTES)
      throw tooLarge(
        `more than ${MAX_CERTIFICATES} certificates or ${MAX_CHAIN_BYTES} bytes of them`,
      )
    chain.push(each.raw)
  }
  return chain
}

function connectionOver(socket: TLSSocket, place: Place, life: Life, seen: Seen): AttestConnection {
  const agent = agentOver(socket)
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = (request: AttestRequest, limit: number) => {
    const answer = turn.then(() => {
      if (life.fault) throw life.fault
      return life.within(send(agent, place.host, request, limit))
    })
    turn = answer.catch((error: AppError) => life.end(error))
    return answer
  }
  return {
    ...seen,
    exporter(label, context, length) {
      if (life.fault) throw life.fault
      return socket.exportKeyingMaterial(length, label, Buffer.from(context))
    },
    async request(request, { limit, signal }) {
      const gone = () => life.end(new AppError('DISPATCH_ABORTED', 'the request was given up'))
      if (signal?.aborted) gone()
      signal?.addEventListener('abort', gone, { once: true })
      try {
        return await inTurn(request, limit)
      } finally {
        signal?.removeEventListener('abort', gone)
      }
    },
    close() {
      life.end()
      agent.destroy()
    },
  }
}

function broke(how: string): AppError {
  return new AppError('UPSTREAM_PROTOCOL', `the server ${how}`)
}

function tooLarge(what: string): AppError {
  return new AppError('UPSTREAM_TOO_LARGE', `the server presented ${what}`)
}
