// What a message of a client comes to, whatever its kind, on a transport where each has no response of its own: stdio, and batches.
import { AppError } from '../base/errors.ts'
import type { Message } from '../wire/message.ts'
import type { Answer } from './answer.ts'
import { dispatchNotification, dispatchRequest } from './dispatcher.ts'
import type { Call, Room } from './exchange.ts'
import type { Session } from './session.ts'

/** The answer to a request; undefined for everything else, and for what the client has cancelled. Never rejects. */
export async function dispatchMessage(call: Call): Promise<Answer | undefined> {
  const { message, session, room, exchange } = call
  switch (message.kind) {
    case 'request': {
      const answer = await dispatchRequest(call)
      // who cancels does not wait for it any more (2025-11-25 basic/utilities/cancellation)
      return exchange.request.aborted ? undefined : answer
    }
    case 'notification':
      await dispatchNotification(call).catch((error: unknown) => {
        const fault = new AppError('INTERNAL', 'a notification failed', { cause: error })
        room.report.raised(exchange, fault, message.method ?? '')
      })
      return undefined
    case 'result':
    case 'error':
      takeAnswer(room, session, message)
      return undefined
  }
}

/** A client's answer to a question it was asked in this session. */
export function takeAnswer(room: Room, session: Session | undefined, message: Message): void {
  if (!session?.asking?.settle(message)) room.report.dropped('answer to nothing')
}
