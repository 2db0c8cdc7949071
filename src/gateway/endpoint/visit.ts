// What the parts of the endpoint share of one HTTP request while it is being answered; types only.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HeaderBag } from '../../wire/header-value.ts'
import type { Exchange } from '../exchange.ts'
import type { Reply } from './reply.ts'

export interface Visit {
  readonly exchange: Exchange
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly reply: Reply
  /** Headers as the http points left them. */
  readonly headers: Headers
  /** Lets go of the runtime before the visit ends: a stream outlives generations. */
  readonly release: () => void
}

/** No header that is read here may come several times but as one text; node joins or drops the others. */
export type Headers = HeaderBag & Readonly<Record<string, string | undefined>>
