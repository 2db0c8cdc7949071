// What the coverage matrix states of the points of streams: which answers are streams, and what happens to a stream that breaks.
import type { Action, Operation } from './operations.ts'
import type { Surface } from './surfaces.ts'

export interface StreamCounts {
  readonly stream_pre_open?: number
  readonly stream_pre_update?: number
  readonly stream_message?: number
  readonly stream_pre_close?: number
}

/** What a client does with the GET stream of its session; none of these is a single request. */
const ON_GET: Readonly<Partial<Record<Action, StreamCounts>>> = {
  stream: { stream_pre_open: 1 },
  'stream-end': { stream_pre_open: 1, stream_pre_close: 1 },
  'stream-reload': { stream_pre_update: 1 },
  resume: { stream_pre_update: 1 },
}

const NOT_STREAMED: ReadonlySet<Action> = new Set([
  'notify',
  'end',
  'not-json',
  'duplicate-member',
  'bad-host',
])
/** Answered 404 in the modern era, which is no stream. */
const REMOVED: ReadonlySet<Action> = new Set([
  'unknown-method',
  'ping',
  'set-level',
  'subscribe',
  'unsubscribe',
])
/** Answered with a status of its own, which is no stream. */
const BEFORE_STREAMS: ReadonlySet<string> = new Set([
  'veto-http',
  'answer-http',
  'veto-session',
  'veto-auth',
  'veto-auth-post',
])

type Column = Pick<Surface, 'era' | 'mount' | 'door' | 'accept' | 'batch' | 'reload'>

export function streamCounts(operation: Operation, column: Column): StreamCounts {
  const { action, trigger } = operation
  const { era, mount, door, reload } = column
  if (mount === 'stdio') return {}
  if (door === 'sse') return onSse(operation)
  // a client of the modern era that leaves does not come back
  if (action === 'announce' || action === 'update')
    return { stream_message: 1, ...(era === 'modern' ? { stream_pre_close: 1 } : {}) }
  if (action === 'resume-call')
    return era === 'modern' ? {} : { ...opened(4), stream_pre_update: 1 }
  if (action === 'listen' && era === 'modern' && !trigger) return swapped(opened(1), reload)
  const onGet = ON_GET[action]
  if (!onGet) return onPost(operation, column)
  if (era === 'modern') return {}
  return swapped(onGet, reload && action === 'stream')
}

function onPost({ action, trigger }: Operation, { era, accept, batch }: Column): StreamCounts {
  if (action === 'call-progress') return opened(batch ? 5 : 4)
  if (accept !== 'stream' || NOT_STREAMED.has(action)) return {}
  if (trigger && BEFORE_STREAMS.has(trigger)) return {}
  if (era === 'modern' && REMOVED.has(action)) return {}
  if (trigger === 'veto-stream-open') return { stream_pre_open: 1 }
  return opened(trigger === 'veto-http-post' ? 0 : 1)
}

/** One stream is open all the while, and all that is said to the client goes over it. */
function onSse({ action, trigger }: Operation): StreamCounts {
  if (action === 'stream') return { stream_pre_open: 1, stream_pre_close: 1 }
  if (action === 'end') return { stream_pre_close: 1 }
  if (NOT_STREAMED.has(action) || HTTP_TRIGGERS.has(trigger ?? '')) return {}
  return { stream_message: action === 'call-progress' ? 4 : 1 }
}

const HTTP_TRIGGERS: ReadonlySet<string> = new Set(['veto-http', 'veto-http-post', 'answer-http'])

/** A generation came into force between the request and a stream that outlives it. */
function swapped(counts: StreamCounts, reload: boolean): StreamCounts {
  return reload ? { ...counts, stream_pre_update: 1 } : counts
}

const opened = (messages: number): StreamCounts => ({
  stream_pre_open: 1,
  stream_message: messages,
  stream_pre_close: 1,
})

const OWN_TIME: ReadonlySet<Action> = new Set(['announce', 'update', 'listen', 'resume-call'])

/** Whether all of it belongs to one request, and so to one generation. */
export function isOneRequest({ action }: Operation): boolean {
  return !OWN_TIME.has(action) && ON_GET[action] === undefined
}
