// Shapes that several points share: MCP results, list items, headers, principals.
import {
  anything,
  described,
  flag,
  integer,
  list,
  map,
  members,
  object,
  oneOf,
  optional,
  refined,
  text,
} from './shape.ts'

export const server = described(text, 'name of the upstream server')
export const exposedName = described(text, 'the name the client used; read-only')

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

export const headers = described(
  refined(map(text), (value) =>
    Object.entries(value).every(
      ([name, content]) => HEADER_NAME.test(name) && HEADER_VALUE.test(content),
    ),
  ),
  'header names to values; names are lower case',
)

// what the transport itself decides; a policy that set these would speak for the wrong message
const TRANSPORT_HEADERS =
  /^(host|connection|content-length|content-type|transfer-encoding|te|trailer|upgrade|keep-alive|expect|proxy-.*|mcp-(method|name|session-id|protocol-version)|accept|last-event-id)$/i

export const upstreamHeaders = described(
  refined(headers, (value) => Object.keys(value).every((name) => !TRANSPORT_HEADERS.test(name))),
  'headers to be sent upstream; those of the transport itself are not writable; empty on stdio',
)

export const principal = members({
  id: text,
  kind: oneOf('anonymous', 'user', 'service', 'system'),
  roles: list(text),
  scopes: list(text),
  tenant: optional(text),
  claims: object,
})

export const rpcError = members({ code: integer, message: text, data: optional(anything) })
/** What a patch of an error may say; its code stays. */
export const rpcErrorPatch = members({ message: optional(text), data: optional(anything) })

export const content = list(
  members({ type: text, text: optional(text), mimeType: optional(text), data: optional(text) }),
)

export const toolResult = members({
  content,
  structuredContent: optional(anything),
  isError: optional(flag),
  _meta: optional(object),
})

export const promptMessages = list(members({ role: oneOf('user', 'assistant'), content: anything }))
export const promptResult = members({
  messages: promptMessages,
  description: optional(text),
  _meta: optional(object),
})

export const resourceContents = list(
  members({
    uri: text,
    mimeType: optional(text),
    text: optional(text),
    blob: optional(text),
    _meta: optional(object),
  }),
)
export const resourceResult = members({ contents: resourceContents, _meta: optional(object) })

export const listItems = list(members({ server, item: object }))

export const httpAnswer = members({
  status: integer,
  headers: optional(headers),
  body: optional(anything),
})
