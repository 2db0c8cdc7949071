// Who sends an HTTP request: its credentials go to the authenticator and nowhere else; nothing of them is kept or logged.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { AppError } from '../../base/errors.ts'
import type { Credentials } from '../../identity/access.ts'
import type { HeaderBag } from '../../wire/header-value.ts'
import type { Exchange } from '../exchange.ts'

/** Says who it is from now on. At once where nothing has to be fetched. Throws, or rejects with, the AUTH codes. */
export type Authenticate = (
  exchange: Exchange,
  request: IncomingMessage,
  headers: HeaderBag,
) => void | Promise<void>

export function createAuthentication(): Authenticate {
  const certificates: Certificates = new WeakMap()
  return ({ identity, runtime }, request, headers) => {
    assertPlain(request, headers)
    const credentials = new RequestCredentials(request, headers, certificates)
    const found = runtime.gate.authenticator.authenticate(credentials)
    if (found instanceof Promise)
      return found.then((principal) => {
        identity.principal = principal
      })
    identity.principal = found
    return undefined
  }
}

/** By connection, which shows one for as long as it lasts. */
type Certificates = WeakMap<Socket, Uint8Array | undefined>

// a token in an address ends up in logs; of two, whoever stands before us may have read the other one
function assertPlain({ url, rawHeaders }: IncomingMessage, { authorization }: HeaderBag): void {
  if (url?.includes('?') && new URLSearchParams(url.slice(url.indexOf('?'))).has('access_token'))
    throw new AppError(
      'AUTH_INVALID',
      'a token in the query is not accepted; send it in Authorization',
      INVALID_REQUEST,
    )
  if (authorization !== undefined && isRepeated(rawHeaders))
    throw new AppError('AUTH_INVALID', 'there are several Authorization headers', INVALID_REQUEST)
}

const INVALID_REQUEST = { data: { error: 'invalid_request' } }

/** Looks up what is asked for only: most requests have no credentials, and nobody asks for more. */
class RequestCredentials implements Credentials {
  readonly #request: IncomingMessage
  readonly #headers: HeaderBag
  readonly #certificates: Certificates

  constructor(request: IncomingMessage, headers: HeaderBag, certificates: Certificates) {
    this.#request = request
    this.#headers = headers
    this.#certificates = certificates
  }

  get authorization(): string | undefined {
    return this.#headers.authorization as string | undefined
  }

  get certificate(): Uint8Array | undefined {
    const { socket } = this.#request
    // what was not verified proves nothing
    if ((socket as Partial<TLSSocket>).authorized !== true) return undefined
    if (!this.#certificates.has(socket))
      this.#certificates.set(socket, (socket as TLSSocket).getPeerX509Certificate()?.raw)
    return this.#certificates.get(socket)
  }

  get address(): string | undefined {
    return this.#request.socket.remoteAddress
  }
}

function isRepeated(raw: readonly string[]): boolean {
  let seen = 0
  for (let i = 0; i < raw.length; i += 2)
    if ((raw[i] as string).toLowerCase() === 'authorization') seen++
  return seen > 1
}
