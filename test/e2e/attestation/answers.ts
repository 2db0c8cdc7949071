// Answers to challenges that an honest server does not give: another's, and one that was given before.
import { request as httpsRequest } from 'node:https'
import type { Answering, TestServer } from './server.ts'

/** Passes a challenge on to a server behind another certificate. */
export function relayTo(behind: TestServer): Answering {
  return (request, response) => {
    const { pathname } = new URL(request.url ?? '', behind.url)
    const url = new URL(pathname, behind.url)
    const onward = httpsRequest(url, { method: 'POST', rejectUnauthorized: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500)
      answer.pipe(response)
    })
    request.pipe(onward)
  }
}

/** The first answer that `attest` gives, to every challenge. */
export function repeating(attest: Answering): Answering {
  let first: string | undefined
  return (request, response) => {
    if (first !== undefined) return void response.end(first)
    const end = response.end.bind(response)
    response.end = ((body: unknown) => {
      first = String(body)
      return end(body)
    }) as typeof response.end
    return attest(request, response)
  }
}
