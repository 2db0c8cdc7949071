// Keeps the gateway told of changes by a modern server: one standing subscription per link, asked for anew when resources are added or leave; what a change means is the gateway's.
import { Cancellation } from '../../base/caller.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Logger } from '../../base/log.ts'
import { type Message, makeRequest } from '../../wire/message.ts'
import type { ClientInfo, UpstreamLink } from '../client.ts'
import { modernMeta } from '../handshake.ts'
import { backoffDelay } from '../lane.ts'
import type { RestartOptions } from '../options.ts'

export interface ListenDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly clientInfo: ClientInfo
  readonly restart: RestartOptions
  readonly random: () => number
  /** Milliseconds a server may take to acknowledge. */
  readonly timeout: number
  /** Resources to listen to from the start: those of the link before this one. */
  readonly resources: readonly string[]
  notification(message: Message): void
}

export interface Listening {
  /** Listens to these resources and no others; resolves with those that the server grants. */
  resources(uris: readonly string[]): Promise<ReadonlySet<string>>
  end(): void
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
const NONE: ReadonlySet<string> = new Set()

/**
 * Subscribes to the list changes the server advertises, and to resources (2026-07-28 patterns/subscriptions), and again, with
 * back-off, when the stream ends; a server that refuses is not asked again until something else is wanted. Sends nothing while
 * there is nothing to hear, and in the legacy era, where such notifications come unasked.
 */
export function listenForChanges(link: UpstreamLink, deps: ListenDeps): Listening {
  return new ModernListening(link, deps)
}

/** One subscriptions/listen under way. */
interface Stream {
  readonly caller: Cancellation
}

class ModernListening implements Listening {
  readonly #link: UpstreamLink
  readonly #deps: ListenDeps
  readonly #lists: Readonly<Record<string, true>>
  #uris: readonly string[]
  /** The one the server has acknowledged. */
  #stream: Stream | undefined
  /** The one it has not: it replaces the other once it is. */
  #next: Stream | undefined
  #opening: Promise<ReadonlySet<string>> = Promise.resolve(NONE)
  #planned: Promise<ReadonlySet<string>> | undefined
  #cancel = () => {}
  #failures = 0
  #ended = false

  constructor(link: UpstreamLink, deps: ListenDeps) {
    this.#link = link
    this.#deps = deps
    this.#lists = advertised(link)
    this.#uris = deps.resources
    if (link.era === 'modern') void this.#ask()
  }

  resources(uris: readonly string[]): Promise<ReadonlySet<string>> {
    this.#uris = uris
    return this.#ask()
  }

  end(): void {
    this.#ended = true
    this.#cancel()
    this.#stream?.caller.abort()
    this.#next?.caller.abort()
  }

  /** What is wanted while a stream is being opened is asked for together, with the next one. */
  #ask(): Promise<ReadonlySet<string>> {
    this.#planned ??= this.#opening.then(() => {
      this.#planned = undefined
      this.#opening = this.#open()
      return this.#opening
    })
    return this.#planned
  }

  /** Never rejects. */
  #open(): Promise<ReadonlySet<string>> {
    this.#cancel()
    const notifications = this.#filter()
    if (this.#ended || Object.keys(notifications).length === 0) {
      this.#stream?.caller.abort()
      this.#stream = undefined
      return Promise.resolve(NONE)
    }
    const { promise, resolve } = Promise.withResolvers<ReadonlySet<string>>()
    const stream: Stream = { caller: new Cancellation() }
    this.#next?.caller.abort()
    this.#next = stream
    // a server that does not acknowledge may tell of changes all the same
    const late = this.#deps.clock.after(this.#deps.timeout, () => resolve(NONE))
    void this.#run(stream, notifications, resolve).finally(() => resolve(NONE))
    return promise.finally(late)
  }

  #filter(): JsonObject {
    const some = this.#uris.length > 0
    return { ...this.#lists, ...(some ? { resourceSubscriptions: [...this.#uris] } : {}) }
  }

  async #run(
    stream: Stream,
    notifications: JsonObject,
    granted: (uris: ReadonlySet<string>) => void,
  ): Promise<void> {
    const { log, clientInfo, notification } = this.#deps
    const _meta = modernMeta(clientInfo, this.#link.revision)
    try {
      const reply = await this.#link.request({
        message: makeRequest('subscriptions/listen', { notifications, _meta }),
        edits: [],
        timeout: Number.POSITIVE_INFINITY,
        caller: stream.caller,
        onNotification: (heard) => {
          this.#failures = 0
          this.#holds(stream)
          if (heard.method === ACKNOWLEDGED) granted(grantedIn(heard))
          else notification(heard)
        },
      })
      if (reply.message.kind === 'error') {
        log.info({ code: reply.message.error?.code }, 'the server refuses to tell of changes')
        return this.#over(stream, false)
      }
    } catch (error) {
      if (!stream.caller.aborted) log.debug({ reason: messageOf(error) }, 'a subscription ended')
    }
    this.#over(stream, !stream.caller.aborted)
  }

  // the old one ends when the new one holds, so that nothing is missed in between
  #holds(stream: Stream): void {
    if (this.#next !== stream) return
    const old = this.#stream
    this.#stream = stream
    this.#next = undefined
    old?.caller.abort()
  }

  #over(stream: Stream, again: boolean): void {
    if (this.#next === stream) this.#next = undefined
    else if (this.#stream === stream) this.#stream = undefined
    else return
    if (!again || this.#ended) return
    this.#failures++
    const { clock, restart, random } = this.#deps
    const delay = backoffDelay(this.#failures, restart, random())
    this.#cancel = clock.after(delay, () => void this.#ask())
  }
}

function grantedIn({ params }: Message): ReadonlySet<string> {
  const filter = isObject(params?.notifications) ? params.notifications : {}
  const uris = filter.resourceSubscriptions
  return Array.isArray(uris) ? new Set(uris) : NONE
}

function advertised({ capabilities }: UpstreamLink): Record<string, true> {
  const wanted: Record<string, true> = {}
  for (const kind of ['tools', 'prompts', 'resources'] as const) {
    const offered = capabilities[kind]
    if (isObject(offered) && offered.listChanged === true) wanted[`${kind}ListChanged`] = true
  }
  return wanted
}
