// How an answer leaves over HTTP: JSON, or an event stream when something has to be said before it or the client wants nothing else.
import type { Answer } from '../answer.ts'
import type { Outbound } from '../exchange.ts'
import type { Reply } from './reply.ts'

export interface HttpOutbound extends Outbound {
  finish(answer: Answer): Promise<void>
}

export interface Accepts {
  readonly json: boolean
  readonly stream: boolean
}

/** JSON unless something has to be said before the answer, or the client takes nothing but a stream. */
export function createOutbound(reply: Reply, accepts: Accepts): HttpOutbound {
  let opening: Promise<boolean> | undefined
  const waiting: Buffer[] = []
  const begin = () => {
    opening ??= reply.stream().then((open) => {
      for (const message of waiting.splice(0)) if (open) reply.event(message)
      return open
    })
    return opening
  }
  return {
    notify(message) {
      if (!accepts.stream || reply.gone) return false
      if (opening && waiting.length === 0) return reply.event(message)
      waiting.push(message)
      void begin()
      return true
    },
    async finish(answer) {
      const mustStream = !accepts.json && accepts.stream
      if (opening || (mustStream && answer.status === 200 && !answer.headers)) {
        if (!(await begin())) return
      } else if (mustStream && answer.status === 200 && answer.headers) {
        opening = reply.stream(answer.headers)
        if (!(await opening)) return
      }
      await reply.json(answer)
    },
  }
}

export function acceptedBy(accept: string | undefined): Accepts {
  const types = (accept ?? '*/*')
    .split(',')
    .map((part) => part.split(';', 1)[0]?.trim().toLowerCase())
  const any = types.includes('*/*')
  return {
    json: any || types.includes('application/json') || types.includes('application/*'),
    stream: any || types.includes('text/event-stream') || types.includes('text/*'),
  }
}

export function isMediaType(header: string | undefined, type: string): boolean {
  return header?.split(';', 1)[0]?.trim().toLowerCase() === type
}
