// The trace of a client: from its header or from `_meta`, if it is a valid one.
import type { IncomingMessage } from 'node:http'
import { isObject } from '../../base/json.ts'
import type { Trace } from '../../engine/context.ts'
import type { Message } from '../../wire/message.ts'

// W3C Trace Context, section 3.2: ids of zeros and version ff are not valid
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

export function traceOf(message: Message): Trace | undefined {
  const meta = message.params?._meta
  const given = isObject(meta) ? meta.traceparent : undefined
  return typeof given === 'string' && TRACEPARENT.test(given) ? { traceparent: given } : undefined
}

export function traceparentOf(request: IncomingMessage): string | undefined {
  const { traceparent } = request.headers
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined
}
