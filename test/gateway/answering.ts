// A client of either era that answers what it is asked while its call is under way; it reads streams as they come.
import type { RpcMessage } from '../support/rpc.ts'
import { rpc } from '../support/rpc.ts'
import type { Peer } from './peers.ts'
import type { Question } from './questioner.ts'

/** An answer's result, an error, or undefined to leave the question open. */
export type Answering = (question: Question, key: string) => unknown

export interface Answered {
  readonly response: RpcMessage | undefined
  /** Every question, as it came. */
  readonly asked: Question[]
  /** All that came before the response. */
  readonly messages: RpcMessage[]
}

let last = 1000

/** The id of the request that was sent last. */
export const lastRequest = (): number => last

/** Carries one request to its end. */
export function callAnswering(
  peer: Peer,
  sent: readonly [method: string, params: Record<string, unknown>],
  answering: Answering,
): Promise<Answered> {
  return peer.era === 'legacy'
    ? answerRequests(peer, sent, answering)
    : answerRounds(peer, sent, answering)
}

async function answerRounds(
  peer: Peer,
  [method, params]: readonly [string, Record<string, unknown>],
  answering: Answering,
): Promise<Answered> {
  const asked: Question[] = []
  const messages: RpcMessage[] = []
  let more: Record<string, unknown> = {}
  for (;;) {
    const answer = await peer.request(method, { ...params, ...more }, { id: ++last })
    messages.push(...answer.messages)
    const { response } = answer
    const result = response?.result
    if (result?.resultType !== 'input_required') return { response, asked, messages }
    const inputResponses: Record<string, unknown> = Object.create(null)
    for (const [key, question] of Object.entries((result.inputRequests ?? {}) as object)) {
      asked.push(question as Question)
      const given = await answering(question as Question, key)
      if (given !== undefined) inputResponses[key] = given
    }
    more = { inputResponses, requestState: result.requestState }
  }
}

async function answerRequests(
  peer: Peer,
  [method, params]: readonly [string, Record<string, unknown>],
  answering: Answering,
): Promise<Answered> {
  const asked: Question[] = []
  const messages: RpcMessage[] = []
  let response: RpcMessage | undefined
  const replies: Promise<unknown>[] = []
  const id = ++last
  for await (const message of messagesOf(peer, { jsonrpc: '2.0', id, method, params })) {
    messages.push(message)
    if (message.method === undefined) response = message
    else if (message.id !== undefined) {
      const question = message as unknown as Question
      asked.push(question)
      const replied = Promise.resolve(answering(question, String(message.id))).then((given) =>
        given === undefined ? undefined : reply(peer, message.id, given),
      )
      replies.push(replied)
    }
  }
  // what they fire is not to be counted with what comes later
  await Promise.race([Promise.allSettled(replies), new Promise((done) => setTimeout(done, 200))])
  return { response, asked, messages }
}

/** Answers a request of the server: with a result, or with an error when it has a code. */
export function reply(peer: Peer, id: unknown, given: unknown) {
  const part = (given as { code?: unknown }).code === undefined ? 'result' : 'error'
  return rpc(peer.url, { jsonrpc: '2.0', id, [part]: given }, peer.headers)
}

/** The messages of a response, or of the session's own stream when there is no body, as they come. */
export async function* messagesOf(
  peer: Peer,
  body: object | undefined,
  signal: AbortSignal = AbortSignal.timeout(15_000),
): AsyncGenerator<RpcMessage> {
  const answer = await fetch(peer.url, {
    method: body ? 'POST' : 'GET',
    headers: {
      accept: body ? 'application/json, text/event-stream' : 'text/event-stream',
      'content-type': 'application/json',
      ...peer.headers,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal,
  })
  if (!answer.headers.get('content-type')?.includes('text/event-stream')) {
    const text = await answer.text()
    if (text !== '') yield JSON.parse(text) as RpcMessage
    return
  }
  let rest = ''
  for await (const text of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    rest += text
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const data = rest
        .slice(0, end)
        .split('\n')
        .filter((line) => line.startsWith('data:'))
      rest = rest.slice(end + 2)
      const joined = data.map((line) => line.slice(5)).join('\n')
      if (joined.trim() !== '') yield JSON.parse(joined) as RpcMessage
    }
  }
}
