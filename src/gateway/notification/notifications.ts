// Notifications, either direction: each passes its point once, in order, and is dropped when a policy says so.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { RequestContext } from '../../engine/context.ts'
import type { Upstream } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'
import { META } from '../../wire/revision.ts'
import { editMember, splice } from '../../wire/splice.ts'
import { type Call, derivedRequest, type Exchange, type Room } from '../exchange.ts'
import { createSequence } from './sequence.ts'

export type Direction = 'client_to_server' | 'server_to_client'

/** Severities of RFC 5424 in ascending order, as `logging/setLevel` names them. */
export const LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

/** A notification as policies left it. */
export interface Passed {
  readonly bytes: Buffer
  readonly params: JsonObject | undefined
}

/** The message as it may go on; null when it is dropped. A fault drops it too: nothing crosses without its point. */
export function passNotification(
  room: Room,
  exchange: Exchange,
  request: RequestContext,
  message: Message,
  direction: Direction,
): Passed | null | Promise<Passed | null> {
  const runner = exchange.runtime.generation.runner('notification_pre_forward', {
    server: request.server,
  })
  const untouched = { bytes: message.bytes, params: message.params as JsonObject | undefined }
  if (!runner) return untouched
  const server = request.server?.name
  const payload = {
    method: message.method ?? '',
    direction,
    ...(message.params ? { params: message.params } : {}),
    ...(server ? { server } : {}),
  }
  const outcome = runner.dispatch(payload, request, { bytes: message.bytes.length })
  const settle = (end: Awaited<typeof outcome>): Passed | null => {
    if (end.kind === 'pass') {
      const params = end.payload.params as JsonObject | undefined
      if (params === payload.params) return untouched
      return { bytes: splice(message.bytes, editMember(message, ['params'], params)), params }
    }
    if (end.kind === 'fault') room.report.raised(exchange, end.fault, 'notification_pre_forward')
    room.report.dropped(end.kind === 'deny' ? 'policy' : 'fault')
    return null
  }
  return outcome instanceof Promise ? outcome.then(settle) : settle(outcome)
}

/** Notifications that belong to one call, forwarded in the order they came. */
export interface Forwarder {
  push(message: Message): void
  /** Resolves when all that was pushed has been sent or dropped. */
  settled(): Promise<void>
}

export function createForwarder(call: Call, upstream: Upstream): Forwarder {
  const sequence = createSequence((error) => {
    const fault = new AppError('INTERNAL', 'a notification could not be sent', { cause: error })
    call.room.report.raised(call.exchange, fault, 'notification_pre_forward')
  })
  const forward = async (message: Message): Promise<void> => {
    const request = derivedRequest(call.exchange, message.method ?? '', upstream)
    const passed = await passNotification(
      call.room,
      call.exchange,
      request,
      message,
      'server_to_client',
    )
    if (passed && !call.outbound.notify(passed.bytes))
      call.room.report.dropped('client cannot take it')
  }
  // where no policy looks at messages there is nothing to wait for, and so nothing to keep in order
  const runner = call.exchange.runtime.generation.runner('notification_pre_forward', {
    server: upstream.info,
  })
  return {
    push(message) {
      if (!wanted(call, message)) return
      if (!runner) {
        if (!call.outbound.notify(message.bytes)) call.room.report.dropped('client cannot take it')
      } else if (!sequence.push(() => forward(message)))
        call.room.report.dropped('too many waiting')
    },
    settled: sequence.settled,
  }
}

/** Logs are sent at the level the client asked for; in the modern era only to a request that asked. */
function wanted(call: Call, message: Message): boolean {
  if (message.method !== 'notifications/message') return true
  const meta = isObject(call.message.params?._meta) ? call.message.params._meta : {}
  const asked =
    call.exchange.identity.era === 'modern'
      ? (meta[META.logLevel] ?? 'none')
      : call.session?.logLevel
  return asked === undefined || (asked !== 'none' && reaches(message, asked as string))
}

/** Whether a log message is at least as severe as a level. */
export function reaches(message: Message, level: string): boolean {
  const levels: readonly string[] = LOG_LEVELS
  return levels.indexOf(String(message.params?.level)) >= levels.indexOf(level)
}
