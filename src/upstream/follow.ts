// The resources of one server that the gateway follows on links of one era: asked for once each, asked for again on a new link or session, let go when nobody wants them.
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { type Message, makeRequest, type RpcError } from '../wire/message.ts'
import type { UpstreamLink } from './client.ts'
import type { Listening } from './http/listen.ts'

export interface FollowerOptions {
  readonly log: Logger
  /** Milliseconds the server may take to agree. */
  readonly timeout: number
}

export interface Follower {
  readonly uris: readonly string[]
  /** Resolves with the server's refusal, or undefined. While the link is down it is remembered. Rejects with an AppError. */
  follow(uri: string): Promise<RpcError | undefined>
  unfollow(uri: string): void
  /** A link came up; `listening` of a modern one has been given `uris` already. The returned function lets it go. */
  attach(link: UpstreamLink, listening?: Listening): () => void
  /** The server behind the link has lost what it was asked. */
  renew(): void
}

export function createFollower(options: FollowerOptions): Follower {
  return new LinkFollower(options)
}

/** What a modern server says by leaving a resource out of what it grants. */
const NOT_GRANTED: RpcError = {
  code: -32602,
  message: 'the server does not tell of changes to this resource',
}

class LinkFollower implements Follower {
  readonly #options: FollowerOptions
  readonly #wanted = new Set<string>()
  /** Requests about one URI go out one after the other: the last word counts. */
  readonly #last = new Map<string, Promise<unknown>>()
  #up: { readonly link: UpstreamLink; readonly listening: Listening | undefined } | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  get uris(): readonly string[] {
    return [...this.#wanted]
  }

  async follow(uri: string): Promise<RpcError | undefined> {
    this.#wanted.add(uri)
    let agreed = false
    try {
      const refusal = await this.#inTurn(uri, () => this.#ask(uri))
      agreed = refusal === undefined
      return refusal
    } finally {
      if (!agreed) this.#wanted.delete(uri)
    }
  }

  unfollow(uri: string): void {
    if (!this.#wanted.delete(uri)) return
    this.#inTurn(uri, () => this.#letGo(uri)).catch((error: unknown) =>
      this.#options.log.debug({ reason: messageOf(error) }, 'a resource could not be let go'),
    )
  }

  attach(link: UpstreamLink, listening?: Listening): () => void {
    const up = { link, listening }
    this.#up = up
    this.renew()
    return () => {
      if (this.#up === up) this.#up = undefined
    }
  }

  renew(): void {
    if (this.#up?.link.era !== 'legacy' || this.#wanted.size === 0) return
    void this.#askAgain(this.#up.link)
  }

  // one after the other: a server that has just come up is not flooded
  async #askAgain(link: UpstreamLink): Promise<void> {
    for (const uri of this.uris) {
      if (this.#up?.link !== link) return
      if (!this.#wanted.has(uri)) continue
      const failed = await this.#inTurn(uri, () => this.#request('resources/subscribe', uri)).then(
        (reply) => reply?.error && `refused with ${reply.error.code}`,
        messageOf,
      )
      if (failed) this.#options.log.info({ reason: failed }, 'a resource is not followed any more')
    }
  }

  async #ask(uri: string): Promise<RpcError | undefined> {
    const { listening, link } = this.#up ?? {}
    if (link?.era !== 'modern') {
      return (await this.#request('resources/subscribe', uri))?.error
    }
    const granted = await listening?.resources(this.uris)
    return granted?.has(uri) ? undefined : NOT_GRANTED
  }

  async #letGo(uri: string): Promise<void> {
    // somebody wants it again
    if (this.#wanted.has(uri)) return
    if (this.#up?.link.era === 'modern') await this.#up.listening?.resources(this.uris)
    else await this.#request('resources/unsubscribe', uri)
  }

  async #request(method: string, uri: string): Promise<Message | undefined> {
    const link = this.#up?.link
    if (!link) return undefined
    const { timeout } = this.#options
    return (await link.request({ message: makeRequest(method, { uri }), edits: [], timeout }))
      .message
  }

  #inTurn<T>(uri: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(uri) ?? Promise.resolve()).then(work)
    const settled = turn.then(
      () => {},
      () => {},
    )
    this.#last.set(uri, settled)
    void settled.then(() => this.#last.get(uri) === settled && this.#last.delete(uri))
    return turn
  }
}
