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
  announce: { stream_message: 1 },
}

const NOT_STREAMED: ReadonlySet<Action> = new Set([
  'notify',
  'end',
  'not-json',
  'duplicate-member',
  'bad-host',
])
/** Answered 404, which is no stream. */
const REMOVED: ReadonlySet<Action> = new Set(['unknown-method', 'ping', 'set-level'])
const BEFORE_STREAMS: ReadonlySet<string> = new Set(['veto-http', 'answer-http', 'veto-session'])

export function streamCounts(
  { action, trigger }: Operation,
  { era, accept, reload }: Pick<Surface, 'era' | 'accept' | 'reload'>,
): StreamCounts {
  if (action === 'resume-call')
    return era === 'modern' ? {} : { ...opened(4), stream_pre_update: 1 }
  const onGet = ON_GET[action]
  if (onGet) {
    if (era === 'modern') return {}
    // a generation came into force between the request and its stream
    return action === 'stream' && reload ? { ...onGet, stream_pre_update: 1 } : onGet
  }
  if (action === 'call-progress') return opened(4)
  if (accept !== 'stream' || NOT_STREAMED.has(action)) return {}
  if (trigger && BEFORE_STREAMS.has(trigger)) return {}
  if (era === 'modern' && REMOVED.has(action)) return {}
  if (trigger === 'veto-stream-open') return { stream_pre_open: 1 }
  return opened(trigger === 'veto-http-post' ? 0 : 1)
}

const opened = (messages: number): StreamCounts => ({
  stream_pre_open: 1,
  stream_message: messages,
  stream_pre_close: 1,
})

/** Whether all of it belongs to one request, and so to one generation. */
export function isOneRequest({ action }: Operation): boolean {
  return action !== 'resume-call' && ON_GET[action] === undefined
}
