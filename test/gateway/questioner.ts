// A server by hand that asks its client whatever a call says, in the way of either era, and answers with what it was told.
import type { Answers, Received } from './recorder.ts'

export interface Question {
  readonly method: string
  readonly params?: Record<string, unknown>
}

export type Questions = Readonly<Record<string, Question>>

export const ASK = {
  sample: {
    method: 'sampling/createMessage',
    params: {
      messages: [{ role: 'user', content: { type: 'text', text: 'Capital of France?' } }],
      maxTokens: 10,
    },
  },
  elicit: {
    method: 'elicitation/create',
    params: {
      mode: 'form',
      message: 'Your name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    },
  },
  roots: { method: 'roots/list', params: {} },
} as const satisfies Questions

export const TOLD = {
  sample: { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'm' },
  elicit: { action: 'accept', content: { name: 'Ada' } },
  roots: { roots: [{ uri: 'file:///a', name: 'a' }] },
} as const

export const ABLE = { sampling: { tools: {} }, elicitation: { form: {}, url: {} }, roots: {} }

export interface Questioner {
  /** For `call` of a recorder; arguments `{questions}` or, one after the other, `{rounds: [questions]}`. */
  call(received: Received, answers: Answers): void
  /** What calls were told, whole answers of clients by key, in order. */
  readonly told: Record<string, unknown>[]
  /** Ids the server gives its questions: equal ones at two servers must not be mixed up. */
  readonly ids: Map<string, string>
}

export function createQuestioner(): Questioner {
  const told: Questioner['told'] = []
  const ids: Questioner['ids'] = new Map()
  const waiting = new Map<string, (answer: unknown) => void>()

  async function askLegacy({ message }: Received, answers: Answers, rounds: readonly Questions[]) {
    const all: Record<string, unknown> = {}
    for (const questions of rounds) {
      const heard = Object.entries(questions).map(([key, question]) => {
        const id = ids.get(key) ?? key
        const answer = new Promise<unknown>((resolve) => waiting.set(id, resolve))
        answers.events([{ id, ...question }], { open: true })
        return answer.then((value) => {
          all[key] = value
        })
      })
      await Promise.all(heard)
    }
    told.push(all)
    answers.events([{ id: message.id, result: resultOf(all) }])
  }

  function askModern({ message }: Received, answers: Answers, rounds: readonly Questions[]) {
    const { inputResponses = {}, requestState } = message.params ?? {}
    const at = typeof requestState === 'string' ? Number(requestState) : 0
    const given = inputResponses as Record<string, unknown>
    const asked = rounds[at - 1] ?? {}
    const unanswered = Object.entries(asked).filter(([key]) => !Object.hasOwn(given, key))
    const next = unanswered.length > 0 ? Object.fromEntries(unanswered) : rounds[at]
    if (!next) {
      told.push(given)
      return answers.result(resultOf(given))
    }
    answers.result({
      resultType: 'input_required',
      inputRequests: next,
      requestState: String(unanswered.length > 0 ? at : at + 1),
    })
  }

  return {
    told,
    ids,
    call(received, answers) {
      const { id, method, params } = received.message
      if (method === undefined) {
        const { result, error } = received.message as { result?: unknown; error?: unknown }
        waiting.get(String(id))?.(result ?? { error })
        return answers.raw('', 202)
      }
      const given = params?.arguments as { questions?: Questions; rounds?: Questions[] } | undefined
      const rounds = given?.rounds ?? (given?.questions ? [given.questions] : [])
      const modern = 'mcp-method' in received.headers
      if (modern) askModern(received, answers, rounds)
      else void askLegacy(received, answers, rounds)
    },
  }
}

const resultOf = (told: Record<string, unknown>) => ({
  content: [{ type: 'text', text: JSON.stringify(told) }],
})
