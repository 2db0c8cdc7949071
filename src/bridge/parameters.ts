// Which tools want arguments repeated in headers (SEP-2243): learnt from lists, because a client on stdio sends no headers.
import { isObject, type JsonObject } from '../base/json.ts'
import { modernHeaders, paramHeadersOf } from '../wire/headers.ts'
import { type Message, makeRequest } from '../wire/message.ts'
import type { Transfers } from './transfer.ts'

export interface Parameters {
  /** From the answer to a tools/list. */
  learn(answer: Message): void
  /** The schema of the tool that is called, when it declares such arguments. */
  schemaFor(call: Message): unknown
  /** Lists the tools as the caller of this one would; true when its schema is known then, and was not before. */
  fetch(transfers: Transfers, call: Message): Promise<boolean>
}

/** Tools with such arguments; the longest unheard of is forgotten first. */
const MAX_TOOLS = 1000
const MAX_PAGES = 20

export function createParameters(): Parameters {
  const schemas = new Map<string, unknown>()

  function learn({ result }: Message): void {
    const tools = isObject(result) && Array.isArray(result.tools) ? result.tools : []
    for (const tool of tools as unknown[]) {
      if (!isObject(tool) || typeof tool.name !== 'string') continue
      schemas.delete(tool.name)
      if (!paramHeadersOf(tool.inputSchema)?.length) continue
      schemas.set(tool.name, tool.inputSchema)
      const [oldest = ''] = schemas.keys()
      if (schemas.size > MAX_TOOLS) schemas.delete(oldest)
    }
  }

  function schemaFor({ method, params }: Message): unknown {
    return method === 'tools/call' ? schemas.get(String(params?.name)) : undefined
  }

  async function fetch(transfers: Transfers, call: Message): Promise<boolean> {
    const before = schemaFor(call)
    let cursor: unknown
    for (let page = 0; page < MAX_PAGES; page++) {
      const params = { _meta: withoutToken(call), ...(cursor === undefined ? {} : { cursor }) }
      const list = makeRequest('tools/list', params as JsonObject, 'portcullis-list')
      cursor = undefined
      const listener = {
        message(answer: Message) {
          learn(answer)
          if (isObject(answer.result)) cursor = answer.result.nextCursor
        },
      }
      await transfers.post(list.bytes, modernHeaders(list), listener).outcome
      if (typeof cursor !== 'string') break
    }
    return schemaFor(call) !== undefined && schemaFor(call) !== before
  }

  return { learn, schemaFor, fetch }
}

function withoutToken({ params }: Message): JsonObject {
  const { progressToken: _, ...meta } = (params?._meta ?? {}) as JsonObject
  return meta
}
