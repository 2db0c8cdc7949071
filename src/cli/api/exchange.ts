// One request to the admin API and its answer: deadline, bounded body, no redirect; what it asks for is decided elsewhere.
import { AppError, messageOf } from '../../base/errors.ts'
import { REDACTED } from '../../base/log.ts'
import { ApiRefusal, readRefusal } from './refusal.ts'
import type { Token } from './token.ts'

/** Where, and as whom. */
export interface Peer {
  readonly url: string
  readonly token: Token
}

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below /api/v1, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

export interface Answered {
  readonly status: number
  readonly etag: string | undefined
  readonly body: unknown
}

/** Of a read, and between two pieces of a stream. */
const READ_DEADLINE = 30_000
/** A write waits for its policies, admission to the servers among them (150 s). */
const WRITE_DEADLINE = 180_000
const MOST_BYTES = 64 * 1024 ** 2
/** Of one line of a stream. */
const MOST_LINE = 4 * 1024 ** 2
const MERGE = 'application/merge-patch+json'

/** Rejects with ApiRefusal, ADMIN_UNREACHABLE, ADMIN_ANSWER. */
export async function exchange(peer: Peer, asked: Asked): Promise<Answered> {
  const waiting = createPatience((asked.method ?? 'GET') === 'GET' ? READ_DEADLINE : WRITE_DEADLINE)
  try {
    const response = await send(peer, asked, waiting)
    const body = await read(peer, response, waiting)
    return { status: response.status, etag: response.headers.get('etag') ?? undefined, body }
  } finally {
    waiting.end()
  }
}

/** The lines of an answer as they come, without their ends. Rejects as `exchange` does. */
export async function* exchangeLines(peer: Peer, asked: Asked): AsyncGenerator<string> {
  const waiting = createPatience(READ_DEADLINE)
  try {
    const response = await send(peer, asked, waiting)
    if (!response.ok) await read(peer, response, waiting)
    let rest = ''
    for await (const piece of pieces(peer, response, waiting)) {
      waiting.renew()
      const lines = (rest + piece).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MOST_LINE)
        throw new AppError('ADMIN_ANSWER', `${peer.url}: a line is longer than 4 MiB`)
      for (const line of lines) yield hidden(line, peer.token)
    }
    if (rest !== '') throw new AppError('ADMIN_ANSWER', `${peer.url}: the answer broke off`)
  } finally {
    waiting.end()
  }
}

/** The whole body. Throws what is no success. */
async function read(peer: Peer, response: Response, waiting: Patience): Promise<unknown> {
  let text = ''
  for await (const piece of pieces(peer, response, waiting)) {
    text += piece
    if (text.length > MOST_BYTES)
      throw new AppError('ADMIN_ANSWER', `${peer.url}: the answer is larger than 64 MiB`)
  }
  const body = text === '' ? undefined : parsed(peer, response, text)
  if (!response.ok) throw refusal(peer, response, body)
  return body
}

/** A deadline, which a stream sets anew with each sign of life. */
interface Patience {
  readonly signal: AbortSignal
  readonly milliseconds: number
  renew(): void
  end(): void
}

function createPatience(milliseconds: number): Patience {
  const controller = new AbortController()
  const start = () => setTimeout(() => controller.abort(), milliseconds)
  let timer = start()
  return {
    signal: controller.signal,
    milliseconds,
    renew() {
      clearTimeout(timer)
      timer = start()
    },
    end() {
      clearTimeout(timer)
      // lets go of an answer that nobody reads to its end
      controller.abort()
    },
  }
}

async function send(
  peer: Peer,
  { method = 'GET', path, headers, body }: Asked,
  waiting: Patience,
): Promise<Response> {
  const type = method === 'PATCH' ? MERGE : 'application/json'
  try {
    return await fetch(`${peer.url}/api/v1${path}`, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': type }),
        authorization: `Bearer ${peer.token.text}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // a token goes where it was sent and nowhere else
      redirect: 'manual',
      signal: waiting.signal,
    })
  } catch (error) {
    throw unreachable(peer, error, waiting)
  }
}

async function* pieces(peer: Peer, { body }: Response, waiting: Patience): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  try {
    for await (const bytes of body ?? []) {
      yield decoder.decode(bytes as Uint8Array, { stream: true })
    }
  } catch (error) {
    throw unreachable(peer, error, waiting)
  }
}

function unreachable({ url }: Peer, error: unknown, { signal, milliseconds }: Patience): AppError {
  const why = signal.aborted
    ? `no answer within ${milliseconds / 1000} s`
    : messageOf(error instanceof Error && error.cause ? error.cause : error)
  return new AppError('ADMIN_UNREACHABLE', `${url}: ${why}`, { cause: error })
}

function parsed({ url, token }: Peer, response: Response, text: string): unknown {
  const type = response.headers.get('content-type') ?? ''
  if (!/^application\/(?:[\w.-]+\+)?json(?:;|$)/.test(type)) {
    const what = `${response.status}, ${type === '' ? 'without a type' : type.slice(0, 80)}`
    throw new AppError('ADMIN_ANSWER', `${url} answers ${what}`)
  }
  try {
    return JSON.parse(hidden(text, token)) as unknown
  } catch (error) {
    throw new AppError('ADMIN_ANSWER', `${url} answers what is no JSON`, { cause: error })
  }
}

// whatever sends it back, a token is printed by nobody
function hidden(text: string, { text: token }: Token): string {
  return text.replaceAll(token, REDACTED).replaceAll(token.replaceAll('/', '\\/'), REDACTED)
}

function refusal({ url, token }: Peer, { status, headers }: Response, body: unknown): Error {
  const found = readRefusal(status, body)
  // the listener of health and metrics knows no codes
  if (found === undefined)
    return new AppError(
      'ADMIN_ANSWER',
      `${url} answers ${status}, but not as the admin API: is admin.api true there?`,
    )
  const wait = headers.get('retry-after')
  const more =
    status === 401
      ? ` (the token is that of ${token.from})`
      : wait !== null && /^\d{1,6}$/.test(wait)
        ? ` (try again in ${wait} s)`
        : ''
  return new ApiRefusal({ ...found, detail: `${found.detail}${more}` })
}
