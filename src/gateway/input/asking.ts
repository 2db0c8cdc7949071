// The requests a client of the legacy era is being asked in one session, by ids of ours; what they are about is not known here.
import type { Caller, Interruptible } from '../../base/caller.ts'
import type { DeadlineWheel } from '../../base/deadline.ts'
import { AppError } from '../../base/errors.ts'
import type { Message } from '../../wire/message.ts'

export interface AskOptions {
  readonly wheel: DeadlineWheel
  /** Milliseconds. */
  readonly timeout: number
  /** Whose going away, each of them, gives the question up. */
  readonly callers: readonly Caller[]
  /** Hands the question to the client; false: it cannot be reached. `dropped`: nor will it be. */
  send(id: number, dropped: () => void): boolean
  /** The client says how far it is. */
  progress?(message: Message): void
  /** The client need not answer any more. */
  withdraw(id: number, reason: string): void
}

export interface Asking {
  readonly size: number
  /** Resolves to the client's answer. Rejects with DISPATCH_ABORTED, CLIENT_TIMEOUT or CLIENT_UNREACHABLE. */
  ask(options: AskOptions): Promise<Message>
  /** Gives an answer to whoever waits for it; false: nobody does. */
  settle(answer: Message): boolean
  /** Gives progress, whose token is the question's id, to whoever waits; false: nobody does. */
  progress(message: Message): boolean
  close(): void
}

/** Questions one client may have open; a person does not answer more. */
const MAX_OPEN = 64

interface Open {
  settle(answer: Message): void
  fail(error: AppError): void
  readonly progress: ((message: Message) => void) | undefined
}

export function createAsking(): Asking {
  const open = new Map<number, Open>()
  let last = 0

  function ask({
    wheel,
    timeout,
    callers,
    send,
    withdraw,
    progress,
  }: AskOptions): Promise<Message> {
    if (open.size >= MAX_OPEN)
      throw new AppError('CLIENT_UNREACHABLE', `the client has ${MAX_OPEN} questions open already`)
    if (callers.some(({ aborted }) => aborted)) throw withdrawn()
    const id = ++last
    return new Promise((resolve, reject) => {
      const end = () => {
        open.delete(id)
        wheel.disarm(deadline)
        for (const caller of callers) caller.leave(gone)
      }
      const fail = (error: AppError) => {
        end()
        reject(error)
      }
      const gone: Interruptible = {
        interrupt() {
          withdraw(id, 'nobody waits for the answer any more')
          fail(withdrawn())
        },
      }
      const deadline = wheel.arm(timeout, () => {
        withdraw(id, 'the answer took too long')
        fail(new AppError('CLIENT_TIMEOUT', `the client did not answer within ${timeout} ms`))
      })
      open.set(id, {
        fail,
        progress,
        settle(answer) {
          end()
          resolve(answer)
        },
      })
      for (const caller of callers) caller.enter(gone)
      const dropped = () =>
        open.get(id)?.fail(new AppError('CLIENT_UNREACHABLE', 'a policy dropped the question'))
      if (!send(id, dropped))
        fail(new AppError('CLIENT_UNREACHABLE', 'the client has no stream open'))
    })
  }

  return {
    get size() {
      return open.size
    },
    ask: async (options) => ask(options),
    settle(answer) {
      const waiting = typeof answer.id === 'number' ? open.get(answer.id) : undefined
      waiting?.settle(answer)
      return waiting !== undefined
    },
    progress(message) {
      const token = message.params?.progressToken
      const waiting = typeof token === 'number' ? open.get(token) : undefined
      waiting?.progress?.(message)
      return waiting !== undefined
    },
    close() {
      for (const { fail } of [...open.values()]) fail(withdrawn())
    },
  }
}

function withdrawn(): AppError {
  return new AppError('DISPATCH_ABORTED', 'the question was withdrawn')
}
