// The admin API as one piece: the table of routes behind the pipeline, and the document that describes it; loaded when it is switched on.
import { AppError } from '../base/errors.ts'
import type { ApiHandle } from './handle.ts'
import { openApi } from './openapi.ts'
import { createPipeline } from './pipeline.ts'
import { problemOf } from './problem.ts'
import { allowOf, BASE } from './router.ts'
import { routesOf } from './routes/table.ts'
import { sendProblem, sendText } from './send.ts'
import type { AdminMiddleware } from './server.ts'

const DOCUMENT = '/openapi.json'

/** What is neither below /api/v1 nor /openapi.json goes on to `next`. */
export function createApi(api: ApiHandle): AdminMiddleware {
  const routes = routesOf(api.kinds)
  const pipeline = createPipeline(api, routes)
  const documents = new Map<string, string>()
  const documentAt = (base: string): string => {
    const known = documents.get(base)
    if (known !== undefined) return known
    const text = JSON.stringify(openApi({ routes, kinds: api.kinds, version: api.version, base }))
    if (documents.size < 16) documents.set(base, text)
    return text
  }
  return (request, response, next) => {
    const [path = ''] = (request.url ?? '').split('?', 1)
    if (path === BASE || path.startsWith(`${BASE}/`)) return void pipeline(request, response)
    if (path !== DOCUMENT) return next()
    const { baseUrl = '' } = request as { readonly baseUrl?: string }
    if (request.method === 'GET' || request.method === 'HEAD')
      return sendText(response, 200, documentAt(baseUrl), { 'content-type': 'application/json' })
    const allow = allowOf(['GET'])
    if (request.method === 'OPTIONS') return void response.writeHead(204, { allow }).end()
    const refused = new AppError('API_METHOD', `this path takes ${allow}`, { data: { allow } })
    sendProblem(request, response, problemOf(refused, api.createId()), {})
  }
}
