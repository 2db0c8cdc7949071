// What a client gets when a policy refuses a stream, or a message of it that somebody waits for (docs/pipeline.md section 6).
import { AppError } from '../../base/errors.ts'
import { type Answer, denialAnswer, faultAnswer, type RpcId, refusalAnswer } from '../answer.ts'
import type { Exchange } from '../exchange.ts'
import type { Refusal } from './points.ts'

/** Instead of the stream: nothing has been sent yet, so it is the answer of the HTTP request that would have opened it. */
export function insteadOfStream(
  { identity: { requestId, era } }: Exchange,
  refusal: Refusal,
  id: RpcId | undefined,
): Answer {
  return 'violation' in refusal
    ? denialAnswer('http', refusal.violation, { id, requestId, era })
    : refusalAnswer(id, refusal.fault, requestId)
}

/** Instead of the answer of a request, on a stream that is open: the denial of that request. */
export function insteadOfAnswer(
  { identity: { requestId, era, method } }: Exchange,
  refusal: Refusal,
  id: RpcId | undefined,
): Answer {
  if ('fault' in refusal) return faultAnswer(id, refusal.fault, requestId, era)
  const form = method === 'tools/call' ? 'tool' : 'rpc'
  return denialAnswer(form, refusal.violation, { id, requestId, era, ran: true })
}

export function tooMuch(): AppError {
  return new AppError('STREAM_HOLDBACK', 'more was to be sent than is held while policies decide')
}

export function failure(cause: unknown): AppError {
  return new AppError('INTERNAL', 'a message could not be sent', { cause })
}
