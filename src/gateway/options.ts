// The sections `listen`, `limits`, `namespacing`, `cache` and `state`: their JSON Schemas and types; nothing is read or started here.
// Over 300 lines because it is a table.
import type { Resolved } from '../config/schema/resolved.ts'

const HOSTS = 'host names, with the port where it is not the usual one'

/** The section `listen`: where MCP clients connect. */
export const LISTEN_SCHEMA = {
  type: 'object',
  description: 'where MCP clients connect',
  additionalProperties: false,
  default: {},
  properties: {
    host: {
      type: 'string',
      minLength: 1,
      default: '127.0.0.1',
      description: 'address to listen on; anything but loopback is reachable by others',
    },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      default: 8080,
      description: 'port to listen on; 0 lets the system choose',
    },
    path: {
      type: 'string',
      pattern: '^/[A-Za-z0-9._~/-]*$',
      'x-expects': 'a path that starts with / and holds letters, digits and - . _ ~ / only',
      default: '/mcp',
      description: 'path of the MCP endpoint',
    },
    sse: {
      type: 'object',
      description:
        'serve the transport of 2024-11-05, HTTP+SSE, for clients that speak nothing newer; not served without this key',
      additionalProperties: false,
      properties: {
        path: {
          type: 'string',
          pattern: '^/[A-Za-z0-9._~/-]*$',
          'x-expects': 'a path that starts with / and holds letters, digits and - . _ ~ / only',
          default: '/sse',
          description: 'path of the stream (GET) and of messages (POST)',
        },
      },
    },
    answers: {
      enum: ['json', 'stream'],
      default: 'json',
      description:
        'how clients that take both are answered when nothing has to be said before; a stream can be taken up again when its connection broke',
    },
    allowed_hosts: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      uniqueItems: true,
      default: [],
      description: `Host headers accepted besides the address listened on: ${HOSTS}`,
    },
    allowed_origins: {
      type: 'array',
      items: {
        type: 'string',
        pattern: '^(\\*|[a-z][a-z0-9+.-]*://[^/\\s]+)$',
        'x-expects': 'an origin such as https://app.example.com',
      },
      uniqueItems: true,
      default: [],
      description: 'Origin headers accepted from browsers besides loopback',
    },
    tls: {
      type: 'object',
      description: 'serve HTTPS with this certificate',
      additionalProperties: false,
      required: ['cert', 'key'],
      properties: {
        cert: { type: 'string', 'x-path': true, description: 'PEM file of the certificate chain' },
        key: { type: 'string', 'x-path': true, description: 'PEM file of the private key' },
        client_ca: {
          type: 'string',
          'x-path': true,
          description: 'PEM file of the authorities that client certificates must come from',
        },
      },
    },
  },
} as const

const DISPATCH = {
  type: 'object',
  description: 'time all plugins of one point have together, by class of point',
  additionalProperties: false,
  default: {},
  properties: {
    data: {
      type: 'string',
      format: 'duration',
      default: '10s',
      description: 'operations of clients',
    },
    control: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'writes, loads and reloads',
    },
    admission: {
      type: 'string',
      format: 'duration',
      default: '150s',
      description: 'admission of an upstream server',
      'x-not-built': 'admission of servers comes with a later issue',
    },
  },
} as const

/** The section `limits`: what one client, message or wait may take. */
export const LIMITS_SCHEMA = {
  type: 'object',
  description: 'what one client, message or wait may take',
  additionalProperties: false,
  default: {},
  properties: {
    body: { type: 'string', format: 'size', default: '4MiB', description: 'longest request body' },
    response: {
      type: 'string',
      format: 'size',
      default: '16MiB',
      description: 'longest answer of an upstream server',
    },
    depth: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 64,
      description: 'deepest nesting of a message',
    },
    sessions: {
      type: 'integer',
      minimum: 1,
      default: 10000,
      description: 'sessions open at one time',
    },
    streams_per_session: {
      type: 'integer',
      minimum: 1,
      default: 8,
      description: 'streams open in one session',
    },
    subscriptions: {
      type: 'integer',
      minimum: 1,
      default: 100,
      description: 'resources that one session, or one subscriptions/listen, may follow',
    },
    listens_per_principal: {
      type: 'integer',
      minimum: 1,
      default: 1000,
      description:
        'subscriptions/listen open for one principal; clients that nobody knows are one together',
    },
    request_timeout: {
      type: 'string',
      format: 'duration',
      default: '60s',
      description: 'how long an upstream server may take to answer',
    },
    header_timeout: {
      type: 'string',
      format: 'duration',
      default: '10s',
      description: 'how long a client may take to send its headers',
    },
    payload: {
      type: 'string',
      format: 'size',
      default: '1MiB',
      description: 'largest payload that plugins are given',
    },
    points: {
      type: 'object',
      description: 'the same for single points, by name',
      additionalProperties: { type: 'string', format: 'size' },
      default: {},
      properties: {
        resource_post_fetch: {
          type: 'string',
          format: 'size',
          default: '8MiB',
          description: 'resources are larger than most payloads',
        },
      },
    },
    dispatch: DISPATCH,
    holdback: {
      type: 'string',
      format: 'size',
      default: '256KiB',
      description: 'how much of a stream is held back while plugins look at a message',
    },
    replay: {
      type: 'string',
      format: 'size',
      default: '1MiB',
      description: 'how much of its streams is kept per session for a client that comes back',
    },
    replay_total: {
      type: 'string',
      format: 'size',
      default: '64MiB',
      description: 'the same for all sessions together; the oldest goes first',
    },
    drain: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'how long open requests may take to end at shutdown',
    },
    ask: {
      type: 'string',
      format: 'duration',
      default: '5m',
      description: 'how long a client, and the person behind it, may take to answer a question',
    },
  },
} as const

/** The section `namespacing`: how names of several servers become one list. */
export const NAMESPACING_SCHEMA = {
  type: 'object',
  description: 'how the names of several servers become one list',
  additionalProperties: false,
  default: {},
  properties: {
    mode: {
      enum: ['always', 'collision', 'never'],
      default: 'always',
      description:
        'always: server__name; collision: the prefix only for names that several servers have; never: the names as they are',
    },
    separator: {
      type: 'string',
      pattern: '^[A-Za-z0-9_.-]{1,4}$',
      'x-expects': 'one to four letters, digits, "_", "." or "-"',
      default: '__',
      description: 'what stands between server and name',
    },
    max_length: {
      type: 'integer',
      minimum: 16,
      maximum: 128,
      default: 64,
      description: 'longest exposed name; longer ones are cut and told apart by a digest',
    },
  },
} as const

/** The section `cache`: the result cache. */
export const CACHE_SCHEMA = {
  type: 'object',
  description: 'the cache of results',
  additionalProperties: false,
  properties: {
    enabled: {
      type: 'boolean',
      default: false,
      description: 'whether results are cached',
      'x-built': [false],
      'x-not-built': 'the result cache comes with a later issue',
    },
    max: { type: 'string', format: 'size', default: '64MiB', description: 'size of the cache' },
    ttl: {
      type: 'string',
      format: 'duration',
      default: '60s',
      description: 'how long a result is kept',
    },
  },
} as const

/** The section `state`: where what replicas share is kept. */
export const STATE_SCHEMA = {
  type: 'object',
  description: 'where sessions, counters and labels are kept',
  additionalProperties: false,
  properties: {
    url: {
      type: 'string',
      default: 'memory',
      description: 'memory: in this process',
      'x-built': ['memory'],
      'x-not-built': 'state shared by several replicas comes with a later issue',
    },
  },
} as const

export type ListenOptions = Resolved<typeof LISTEN_SCHEMA>
export type LimitsOptions = Resolved<typeof LIMITS_SCHEMA>
export type NamespacingOptions = Resolved<typeof NAMESPACING_SCHEMA>
export type CacheOptions = Resolved<typeof CACHE_SCHEMA>
export type StateOptions = Resolved<typeof STATE_SCHEMA>
