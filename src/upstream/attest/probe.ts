// Whether a server insists on a client certificate: it is greeted without one, and what it does then is waited for; nothing else is asked.
import type { TLSSocket } from 'node:tls'
import { isAppError } from '../../base/errors.ts'
import type { TlsOptions } from '../client.ts'
import type { AttestConnectOptions } from './connection.ts'
import { beginTls, type Place, placeOf, secured } from './handshake.ts'
import { Life } from './life.ts'

/** `unknown`: nothing was shown, neither that it insists nor that it does not. */
export type ProbeAnswer = 'refused' | 'accepted' | 'unknown'

type Outcome = ProbeAnswer | 'hung up'

/**
 * In TLS 1.3 a refusal comes only after the handshake, so a request is sent and the first byte waited for. Only an alert is one: whoever
 * sits in between can end a connection, too, and can make an alert as long as nothing is encrypted, which is until then (in TLS 1.2 it
 * comes in the clear; who needs to be sure asks for 1.3). A server that hangs up without one is greeted once more. Rejects with
 * CONFIG_INVALID or DISPATCH_ABORTED only.
 */
export async function probeWithoutClientCertificate(
  url: string,
  options: AttestConnectOptions,
): Promise<ProbeAnswer> {
  const place = placeOf(url)
  const first = await greet(place, options)
  if (first !== 'hung up') return first
  const second = await greet(place, options)
  return second === 'hung up' ? 'unknown' : second
}

async function greet(place: Place, options: AttestConnectOptions): Promise<Outcome> {
  const { cert: _, key: __, ...tls }: TlsOptions = options.tls
  const socket = beginTls(place, tls)
  const life = new Life(socket, options)
  // comes with what the server says of itself, whether there is a response in it or not
  let isGreeted = false
  socket.once('OCSPResponse', () => {
    isGreeted = true
  })
  let isEncrypted = false
  socket.once('secureConnect', () => {
    isEncrypted = true
  })
  try {
    await life.within(secured(socket))
    socket.write(`HEAD ${place.path} HTTP/1.1\r\nhost: ${place.host}\r\nconnection: close\r\n\r\n`)
    return await life.within(firstWord(socket))
  } catch (error) {
    if (isAppError(error, 'DISPATCH_ABORTED')) throw error
    const isGenuine = isEncrypted || (isGreeted && tls.minVersion !== 'TLSv1.3')
    return outcomeOf(error, { isGreeted, isGenuine })
  } finally {
    life.end()
  }
}

/** Plain text of the peer means that it took the handshake for good; an end without any that it may not have. */
function firstWord(socket: TLSSocket): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    socket.once('data', () => resolve('accepted'))
    socket.once('end', () => resolve('hung up'))
    // before whoever else hears of it says only that the connection is over
    socket.prependOnceListener('error', reject)
  })
}

// what OpenSSL calls the alerts of RFC 8446 section 6.2 and RFC 5246 section 7.2 that a missing certificate is met with
const ALERTS =
  /ALERT_(?:CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|ACCESS_DENIED)$/
const HUNG_UP = new Set(['ECONNRESET', 'EPIPE'])

function outcomeOf(
  error: unknown,
  { isGreeted, isGenuine }: { readonly isGreeted: boolean; readonly isGenuine: boolean },
): Outcome {
  if (!isAppError(error, 'UPSTREAM_UNAVAILABLE')) return 'unknown'
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  if (code !== undefined && ALERTS.test(code)) return isGenuine ? 'refused' : 'unknown'
  return isGreeted && (code === undefined || HUNG_UP.has(code)) ? 'hung up' : 'unknown'
}
