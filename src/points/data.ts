// The data plane: one row per MCP operation, both directions (docs/pipeline.md section 2).
// Over 300 lines because it is a table.
import { field, point, REQUEST_CONDITIONS, SERVER_CONDITIONS } from './declare.ts'
import {
  content, exposedName, headers, httpAnswer, listItems, principal, promptMessages, promptResult, resourceContents,
  resourceResult, rpcError, rpcErrorPatch, server, toolResult, upstreamHeaders,
} from './parts.ts' // biome-ignore format: a table of imports
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
  text,
} from './shape.ts'

const LATER = {
  wire: 'the wire is complete in both eras',
  cache: 'the result cache',
} as const

const httpRequest = { method: text, path: text, headers, client: members({ address: text }) }
const http = {
  conditions: ['tenants', 'users', 'agents', 'roles', 'eras', 'labels', 'content_types'],
  denial: 'http',
} as const
const headerContentType = (payload: { headers: Readonly<Record<string, string>> }) => {
  const type = payload.headers['content-type']
  return type ? [type.split(';', 1)[0]?.trim().toLowerCase() ?? ''] : []
}

const toolTarget = { field: 'name', condition: 'tools' } as const
const promptTarget = { field: 'name', condition: 'prompts' } as const
const resourceTarget = { field: 'uri', condition: 'resources' } as const
const toolConditions = [...SERVER_CONDITIONS, 'tools'] as const
const promptConditions = [...SERVER_CONDITIONS, 'prompts'] as const
const resourceConditions = [...SERVER_CONDITIONS, 'resources'] as const

type Items = readonly { readonly mimeType?: string | undefined }[]
const mimeTypes = (items: Items | undefined) =>
  (items ?? []).flatMap((item) => (item.mimeType ? [item.mimeType] : []))

const outcome = { result: optional(object), error: optional(rpcError) }
const errorField = field(rpcErrorPatch, 'error', { merge: true })
const inResult = { in: 'result' } as const

type Owned = readonly {
  readonly server: string
  readonly item: Readonly<Record<string, unknown>>
}[]
const identityOf = ({ server: owner, item }: Owned[number]) =>
  JSON.stringify([owner, item.name, item.uri, item.uriTemplate])

// remove, or rewrite all but what identifies an item; adding one is a fault
function keepsIdentity(value: unknown, current: unknown): boolean {
  if (!listItems.is(value)) return false
  const known = new Map<string, number>()
  for (const item of (current ?? []) as Owned)
    known.set(identityOf(item), (known.get(identityOf(item)) ?? 0) + 1)
  return (value as Owned).every((item) => {
    const left = known.get(identityOf(item)) ?? 0
    known.set(identityOf(item), left - 1)
    return left > 0
  })
}

const listPoint = (what: string, methods: readonly string[], wired: true | string = true) =>
  point({
    fires: what,
    payload: members({ items: listItems, cursor: optional(text) }),
    writable: { items: field(listItems, 'items', { accepts: keepsIdentity }) },
    content: ['items'],
    conditions: REQUEST_CONDITIONS,
    methods,
    wired,
  })

// what a message answers or is about stays what it is; another method would have to pass another point
function keepsEnvelope(value: unknown, current: unknown): boolean {
  const [now, before] = [value, current] as Record<string, unknown>[]
  return (
    object.is(now) &&
    (['jsonrpc', 'id', 'method'] as const).every((member) => now?.[member] === before?.[member]) &&
    (now?.method !== undefined || 'result' in (now ?? {}) !== 'error' in (now ?? {}))
  )
}

const streamPayload = members({
  channel: described(
    text,
    '`post`: the answer to a POST; `get`: the stream of a session; `listen`: a subscription',
  ),
  principal,
  message: optional(object),
})
const cachePayload = members({
  key: text,
  scope: text,
  ttl: optional(integer),
  entry: optional(object),
})
const cache = { wired: LATER.cache, content: ['entry'] } as const
const samplingRequest = members({
  server,
  messages: list(object),
  modelPreferences: optional(object),
  systemPrompt: optional(text),
  tools: optional(list(object)),
  maxTokens: optional(integer),
})
const samplingAnswer = members({ role: text, content: anything, model: text })
const elicitationAnswer = members({
  action: oneOf('accept', 'decline', 'cancel'),
  content: optional(object),
})
const completionValues = members({
  values: list(text),
  total: optional(integer),
  hasMore: optional(flag),
})
const authTarget = members({
  kind: described(text, '`server`, `tool`, `prompt`, `resource`, `entity` or `gateway`'),
  server: optional(server),
  name: optional(
    described(text, 'the server’s own name of a tool or prompt, a URI, or the id of an entity'),
  ),
  entity: optional(described(text, 'kind of an entity')),
  tenant: optional(described(text, 'whose it is')),
})
const checked = {
  principal,
  action: described(text, 'a right, such as `mcp:tool.call`'),
  target: optional(authTarget),
  targets: optional(described(list(authTarget), 'of a listing, in its order')),
}
const indices = described(list(integer), 'places in `targets`, from 0')
const union = (before: readonly number[] = [], next: readonly number[] = []) => [
  ...new Set([...before, ...next]),
]

export const DATA_POINTS = {
  http_pre_request: point({
    fires: 'on every HTTP request to the MCP endpoint, before it is authenticated and parsed',
    payload: members(httpRequest),
    writable: { headers: field(headers, 'headers') },
    answer: httpAnswer,
    contentTypes: headerContentType,
    ...http,
    // who asks, and with what program, is found out after this point
    conditions: ['eras', 'content_types'],
  }),
  http_post_request: point({
    fires: 'on every response to an HTTP request, before its headers are sent',
    payload: members({ ...httpRequest, status: integer }),
    writable: { headers: field(headers, 'headers') },
    contentTypes: headerContentType,
    ...http,
  }),
  session_pre_open: point({
    fires:
      'on initialize; in the modern era on every request, its verdict kept for 60 s per principal, client, capabilities, revision and generation',
    payload: members({
      client: members({ name: text, version: text }),
      principal,
      era: oneOf('legacy', 'modern'),
      revision: text,
      capabilities: object,
    }),
    writable: { capabilities: field(object, 'capabilities') },
    denial: 'http',
  }),
  session_post_close: point({
    fires: 'when a session has ended: by the client, by idleness, by shutdown',
    payload: members({
      client: members({ name: text, version: text }),
      principal,
      era: oneOf('legacy', 'modern'),
      revision: text,
      capabilities: object,
      cause: text,
    }),
    observe: true,
  }),
  prompt_pre_fetch: point({
    fires: 'on prompts/get, before the upstream is asked',
    methods: ['prompts/get'],
    payload: members({ server, name: text, exposedName, arguments: optional(map(text)) }),
    writable: { name: field(text, 'name'), arguments: field(map(text), 'arguments') },
    answer: promptResult,
    ask: true,
    content: ['arguments'],
    target: promptTarget,
    conditions: promptConditions,
  }),
  prompt_post_fetch: point({
    fires: 'on the result or the upstream error of prompts/get',
    methods: ['prompts/get'],
    payload: members({
      server,
      name: text,
      exposedName,
      ...outcome,
      result: optional(promptResult),
    }),
    writable: {
      messages: field(promptMessages, 'messages', inResult),
      description: field(text, 'description', inResult),
      _meta: field(object, '_meta', inResult),
      error: errorField,
    },
    content: ['result', 'error'],
    target: promptTarget,
    conditions: promptConditions,
  }),
  tool_pre_invoke: point({
    fires: 'on tools/call, before the upstream is asked',
    methods: ['tools/call'],
    payload: members({
      server,
      name: text,
      exposedName,
      arguments: optional(object),
      annotations: optional(object),
      headers: upstreamHeaders,
    }),
    writable: {
      name: field(text, 'name'),
      arguments: field(object, 'arguments'),
      headers: field(upstreamHeaders, 'headers'),
    },
    answer: toolResult,
    ask: true,
    content: ['arguments', 'headers'],
    target: toolTarget,
    conditions: toolConditions,
    denial: 'tool',
  }),
  tool_post_invoke: point({
    fires: 'on the result or the upstream error of tools/call',
    methods: ['tools/call'],
    payload: members({ server, name: text, exposedName, ...outcome, result: optional(toolResult) }),
    writable: {
      content: field(content, 'content', inResult),
      structuredContent: field(anything, 'structuredContent', inResult),
      isError: field(flag, 'isError', inResult),
      _meta: field(object, '_meta', inResult),
      error: errorField,
    },
    content: ['result', 'error'],
    target: toolTarget,
    conditions: [...toolConditions, 'content_types'],
    contentTypes: (payload: { result?: { content: Items } }) => mimeTypes(payload.result?.content),
    denial: 'tool',
  }),
  resource_pre_fetch: point({
    fires: 'on resources/read, before the upstream is asked',
    methods: ['resources/read'],
    payload: members({ server, uri: text, exposedName }),
    writable: { uri: field(text, 'uri') },
    answer: resourceResult,
    ask: true,
    target: resourceTarget,
    conditions: resourceConditions,
  }),
  resource_post_fetch: point({
    fires: 'on the result or the upstream error of resources/read',
    methods: ['resources/read'],
    payload: members({
      server,
      uri: text,
      exposedName,
      ...outcome,
      result: optional(resourceResult),
    }),
    writable: {
      contents: field(resourceContents, 'contents', inResult),
      _meta: field(object, '_meta', inResult),
      error: errorField,
    },
    content: ['result', 'error'],
    target: resourceTarget,
    conditions: [...resourceConditions, 'content_types'],
    contentTypes: (payload: { result?: { contents: Items } }) =>
      mimeTypes(payload.result?.contents),
  }),
  resource_pre_subscribe: point({
    fires:
      'on resources/subscribe; on subscriptions/listen once for its filter and once for each resource in it',
    methods: ['resources/subscribe', 'subscriptions/listen'],
    payload: members({
      server: optional(server),
      uri: optional(text),
      filter: optional(described(object, 'of subscriptions/listen, as the client sent it')),
    }),
    writable: { uri: field(text, 'uri'), filter: field(object, 'filter') },
    conditions: resourceConditions,
    target: resourceTarget,
  }),
  tool_post_list: listPoint('on each page of tools/list', ['tools/list']),
  prompt_post_list: listPoint('on each page of prompts/list', ['prompts/list']),
  resource_post_list: listPoint('on each page of resources/list and resources/templates/list', [
    'resources/list',
    'resources/templates/list',
  ]),
  roots_post_list: listPoint('on the answer to roots/list', ['roots/list']),
  argument_pre_complete: point({
    fires: 'on completion/complete, before the upstream is asked',
    payload: members({
      server,
      ref: object,
      argument: members({ name: text, value: text }),
      context: optional(object),
    }),
    writable: { argument: field(members({ name: text, value: text }), 'argument') },
    answer: completionValues,
    content: ['argument', 'context'],
    methods: ['completion/complete'],
    conditions: SERVER_CONDITIONS,
  }),
  argument_post_complete: point({
    fires: 'on the values that complete an argument, or the upstream error instead of them',
    methods: ['completion/complete'],
    payload: members({
      server,
      ref: object,
      argument: members({ name: text, value: text }),
      values: list(text),
      error: optional(rpcError),
    }),
    writable: { values: field(list(text), 'values'), error: errorField },
    content: ['values', 'error'],
    conditions: SERVER_CONDITIONS,
  }),
  completion_pre_request: point({
    fires:
      'on an LLM request crossing the gateway: sampling/createMessage and its multi-round form',
    payload: samplingRequest,
    writable: {
      messages: field(list(object), 'messages'),
      modelPreferences: field(object, 'modelPreferences'),
      systemPrompt: field(text, 'systemPrompt'),
      tools: field(list(object), 'tools'),
      maxTokens: field(integer, 'maxTokens'),
    },
    answer: samplingAnswer,
    content: ['messages', 'systemPrompt'],
    conditions: SERVER_CONDITIONS,
    denial: 'error',
  }),
  completion_post_response: point({
    fires: 'on the answer of the LLM',
    payload: members({ server, role: text, content: anything, model: text }),
    writable: { content: field(anything, 'content') },
    answer: samplingAnswer,
    content: ['content'],
    conditions: SERVER_CONDITIONS,
    denial: 'error',
  }),
  elicitation_pre_create: point({
    fires: 'on elicitation/create (form and url) and its multi-round form',
    payload: members({ server, message: text, schema: optional(object), url: optional(text) }),
    writable: { message: field(text, 'message'), schema: field(object, 'schema') },
    answer: elicitationAnswer,
    content: ['message'],
    conditions: SERVER_CONDITIONS,
    denial: 'decline',
  }),
  elicitation_post_response: point({
    fires: 'on the answer to an elicitation',
    payload: members({
      server,
      action: oneOf('accept', 'decline', 'cancel'),
      content: optional(object),
    }),
    writable: { content: field(object, 'content') },
    answer: elicitationAnswer,
    content: ['content'],
    conditions: SERVER_CONDITIONS,
    denial: 'decline',
  }),
  notification_pre_forward: point({
    fires: 'on any notification, either direction',
    payload: members({
      method: text,
      params: optional(object),
      direction: oneOf('client_to_server', 'server_to_client'),
      server: optional(text),
    }),
    writable: { params: field(object, 'params') },
    content: ['params'],
    conditions: SERVER_CONDITIONS,
    denial: 'drop',
  }),
  stream_pre_open: point({
    fires: 'once for each event stream towards a client, before anything of it is sent',
    payload: streamPayload,
    denial: 'http',
  }),
  stream_pre_update: point({
    fires:
      'when another generation is in force for an open stream, and when a client takes one up again',
    payload: streamPayload,
    denial: 'http',
  }),
  stream_message: point({
    fires:
      'on each message of an event stream, after its own point; not again when it is sent anew',
    payload: streamPayload,
    writable: { message: field(object, 'message', { accepts: keepsEnvelope }) },
    content: ['message'],
    denial: 'drop',
  }),
  stream_pre_close: point({
    fires: 'once for each event stream that was opened, when nothing more will be sent on it',
    payload: streamPayload,
    denial: 'forget',
  }),
  cache_pre_get: point({
    fires: 'before the result cache is asked',
    payload: cachePayload,
    writable: { key: field(text, 'key') },
    answer: object,
    ...cache,
  }),
  cache_post_get: point({
    fires: 'after the result cache was asked',
    payload: cachePayload,
    writable: { entry: field(object, 'entry') },
    answer: object,
    ...cache,
  }),
  cache_pre_put: point({
    fires: 'before a raw result is kept',
    payload: cachePayload,
    writable: {
      key: field(text, 'key'),
      ttl: field(integer, 'ttl'),
      entry: field(object, 'entry'),
    },
    ...cache,
  }),
  cache_pre_update: point({
    fires: 'before a kept result is replaced',
    payload: cachePayload,
    writable: { ttl: field(integer, 'ttl'), entry: field(object, 'entry') },
    ...cache,
  }),
  cache_pre_evict: point({
    fires: 'before a kept result is dropped',
    payload: cachePayload,
    ...cache,
  }),
  auth_pre_check: point({
    fires:
      'before a permission decision; a listing is one check with targets, and another only where what was denied leaves its page short',
    payload: members(checked),
    answer: members({
      allowed: optional(
        described(
          flag,
          '`true` grants what no rule denies and needs `grants: { authorize: true }`; `false` denies',
        ),
      ),
      denied: optional(indices),
    }),
    joins: (before, next) => ({
      allowed:
        before.allowed === false || next.allowed === undefined ? before.allowed : next.allowed,
      denied: union(before.denied, next.denied),
    }),
    entitled: ({ allowed }) => allowed === true,
    denial: 'http',
  }),
  auth_post_check: point({
    fires: 'after a permission decision',
    payload: members({
      ...checked,
      decision: oneOf('allow', 'deny'),
      denied: optional(indices),
    }),
    writable: { decision: field(oneOf('deny'), 'decision') },
    answer: members({ denied: indices }),
    joins: (before, next) => ({ denied: union(before.denied, next.denied) }),
    denial: 'http',
  }),
  error_raised: point({
    fires: 'on any failure in gateway, plugin or upstream',
    payload: members({ code: text, where: text, cause: optional(text), requestId: optional(text) }),
    observe: true,
  }),
} as const
