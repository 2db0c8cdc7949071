// Who sends an HTTP request: its credentials go to the authenticator and nowhere else; nothing of them is kept or logged.
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { AppError } from '../../base/errors.ts'
import type { Credentials } from '../../identity/access.ts'
import type { HeaderBag } from '../../wire/header-value.ts'
import type { Exchange, Room } from '../exchange.ts'

/** Says who it is from now on. At once where nothing has to be fetched. Throws, or rejects with, the AUTH codes. */
export function authenticate(
  { authenticator }: Pick<Room, 'authenticator'>,
  { identity }: Exchange,
  request: IncomingMessage,
  headers: HeaderBag,
): void | Promise<void> {
  assertPlain(request, headers)
  const found = authenticator.authenticate(new RequestCredentials(request, headers))
  if (found instanceof Promise)
    return found.then((principal) => {
      identity.principal = principal
    })
  identity.principal = found
  return undefined
}

// a token in an address ends up in logs; of two, whoever stands before us may have read the other one
function assertPlain({ url, rawHeaders }: IncomingMessage, { authorization }: HeaderBag): void {
  const query = url?.split('?', 2)[1]
  if (query !== undefined && new URLSearchParams(query).has('access_token'))
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

  constructor(request: IncomingMessage, headers: HeaderBag) {
    this.#request = request
    this.#headers = headers
  }

  get authorization(): string | undefined {
    return this.#headers.authorization as string | undefined
  }

  get certificate(): Uint8Array | undefined {
    const socket = this.#request.socket as Partial<TLSSocket>
    return socket.authorized === true ? socket.getPeerX509Certificate?.()?.raw : undefined
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
