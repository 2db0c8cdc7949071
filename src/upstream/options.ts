// The `servers` section of the configuration: its JSON Schema, its types and its defaults; it reads no file and starts nothing.
// Over 300 lines because most of it is a table.
import { AppError } from '../base/errors.ts'
import { DURATION_PATTERN, parseDuration } from '../base/quantity.ts'

/** One server as the configuration file has it, after quantities became numbers (ms) and references were replaced. */
export interface ServerConfig {
  readonly name: string
  readonly command?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly url?: string
  readonly transport?: 'streamable-http' | 'sse' | 'websocket'
  readonly headers?: Readonly<Record<string, string>>
  readonly health?: {
    readonly every?: number
    readonly timeout?: number
    readonly restart?: { readonly backoff?: string; readonly max?: number }
  }
  readonly pool?: {
    readonly per?: PoolOptions['per'] | undefined
    readonly max?: number
    readonly idle_stop?: number
    readonly queue?: number
  }
  readonly tags?: readonly string[]
  readonly environment?: string
  readonly tenant?: string
  readonly required?: boolean
  /** Id of an appraisal policy. */
  readonly attestation?: string
  readonly spiffe_id?: string
}

export interface PoolOptions {
  readonly per: 'auto' | 'shared' | 'session' | 'principal' | 'tenant'
  readonly max: number
  /** Milliseconds. */
  readonly idleStop: number
}

export interface HealthOptions {
  /** Milliseconds between two probes; 0 is none. */
  readonly every: number
  readonly timeout: number
  readonly restart: RestartOptions
}

export interface RestartOptions {
  readonly least: number
  readonly most: number
  /** Attempts in a row before it is tried on demand only. */
  readonly max: number
}

interface CommonOptions {
  readonly name: string
  readonly tags: readonly string[]
  readonly environment: string | undefined
  readonly tenant: string | undefined
  readonly required: boolean
  readonly health: HealthOptions
  /** Requests in flight at one instance before the next is refused. */
  readonly queue: number
  readonly pool: PoolOptions
}

export interface StdioOptions extends CommonOptions {
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

interface RemoteOptions extends CommonOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface HttpOptions extends RemoteOptions {
  readonly kind: 'http'
  /** Undefined: found out, Streamable HTTP first. */
  readonly transport?: 'streamable-http' | 'sse' | undefined
}

export interface WebSocketOptions extends RemoteOptions {
  readonly kind: 'websocket'
}

/** One server with every default in place. */
export type ServerOptions = StdioOptions | HttpOptions | WebSocketOptions

const BACKOFF_PATTERN = `${DURATION_PATTERN.slice(0, -1)}\\.\\.${DURATION_PATTERN.slice(1)}`
const POOL = {
  type: 'object',
  description: 'how instances of the server are shared',
  additionalProperties: false,
  properties: {
    max: {
      type: 'integer',
      minimum: 1,
      default: 64,
      description: 'most instances of clients at one time, besides the shared one',
    },
    queue: {
      type: 'integer',
      minimum: 1,
      default: 256,
      description: 'requests in flight at one instance before the next is refused',
    },
    idle_stop: {
      type: 'string',
      format: 'duration',
      default: '5m',
      description: 'stop an instance of a client that nobody used for this long',
    },
    per: {
      enum: ['auto', 'shared', 'session', 'principal', 'tenant'],
      default: 'auto',
      description:
        'who shares an instance of a server of the legacy era; auto: a client that the server may ask something has its own',
    },
  },
} as const

const HEALTH = {
  type: 'object',
  description: 'how the server is watched and restarted',
  additionalProperties: false,
  properties: {
    every: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'time between two probes of an idle server; 0s is none',
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'how long a probe may take before the server counts as down',
    },
    restart: {
      type: 'object',
      description: 'how a server that went away is brought back',
      additionalProperties: false,
      properties: {
        backoff: {
          type: 'string',
          pattern: BACKOFF_PATTERN,
          default: '1s..60s',
          description: 'shortest and longest wait before the next attempt; it doubles in between',
        },
        max: {
          type: 'integer',
          minimum: 0,
          default: 10,
          description: 'attempts in a row before the server is tried on demand only',
        },
      },
    },
  },
} as const

const SERVER = {
  type: 'object',
  description: 'one upstream MCP server: a command (stdio) or a url',
  additionalProperties: false,
  required: ['name'],
  oneOf: [{ required: ['command'] }, { required: ['url'] }],
  dependentSchemas: {
    command: { properties: { url: false, transport: false, headers: false, auth: false } },
    url: { properties: { command: false, args: false, env: false, cwd: false } },
  },
  properties: {
    name: {
      type: 'string',
      pattern: '^(?!.*__)[a-zA-Z0-9_-]+$',
      'x-expects': 'letters, digits, "-" and single "_"',
      maxLength: 64,
      description: 'how the gateway calls it; the prefix of its names; no two underscores in a row',
    },
    command: {
      type: 'string',
      minLength: 1,
      description: 'program to run, without a shell; a path or a name on the PATH',
    },
    args: { type: 'array', items: { type: 'string' }, description: 'arguments of the command' },
    env: {
      type: 'object',
      additionalProperties: { type: 'string', 'x-secret': true },
      description: 'environment variables besides the minimal ones (PATH, HOME, LANG, TMPDIR ...)',
    },
    cwd: { type: 'string', 'x-path': true, description: 'working directory of the process' },
    url: {
      type: 'string',
      pattern: '^(?:https?|wss?)://[^\\s/?#@]+(?:[/?][^\\s#]*)?$',
      'x-expects': 'an http, https, ws or wss URL without credentials and fragment',
      description:
        'the MCP endpoint of a server that is reached over the network; credentials go into headers',
    },
    transport: {
      enum: ['streamable-http', 'sse', 'websocket'],
      description:
        'how the url is spoken to; without it a ws or wss url is a websocket, and at any other streamable-http is tried first, then sse',
    },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string', 'x-secret': true },
      propertyNames: { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
      description: 'HTTP headers sent with every request, such as an API key',
    },
    auth: {
      type: 'object',
      description: 'how the gateway authenticates to the server',
      'x-not-built': 'use headers for a static key; OAuth towards servers comes with a later issue',
    },
    pool: POOL,
    health: HEALTH,
    digest: {
      type: 'string',
      description: 'pinned manifest of its tools, prompts and resources',
      'x-not-built': 'pinning comes with a later issue',
    },
    attestation: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
      'x-expects': 'the id of a policy',
      description:
        'id of the appraisal policy it must satisfy, whatever applies_to of the policies says',
    },
    spiffe_id: {
      type: 'string',
      pattern: '^spiffe://[a-z0-9._-]+/[A-Za-z0-9._/-]+$',
      'x-expects': 'a SPIFFE ID',
      maxLength: 2048,
      description: 'who it is; what attestation calls it, and policies can be for',
    },
    tags: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      uniqueItems: true,
      description: 'words that conditions can refer to',
    },
    environment: {
      type: 'string',
      description: 'the environment it belongs to, such as prod; conditions can refer to it',
    },
    tenant: {
      type: 'string',
      description: 'the tenant it belongs to; conditions can refer to it',
    },
    required: {
      type: 'boolean',
      default: false,
      description: 'true: the gateway does not start when the server cannot be reached',
    },
  },
} as const

/** The section `servers`. Durations are strings the loader turns into milliseconds; `x-` keywords are the loader's. */
export const SERVERS_SCHEMA = {
  type: 'array',
  description: 'the MCP servers behind the gateway',
  items: SERVER,
} as const

/** Puts every default in place. The configuration has been validated against the schema before. */
export function serverOptions(config: ServerConfig): ServerOptions {
  const common: CommonOptions = {
    name: config.name,
    tags: config.tags ?? [],
    environment: config.environment,
    tenant: config.tenant,
    required: config.required ?? false,
    queue: config.pool?.queue ?? 256,
    pool: {
      per: config.pool?.per ?? 'auto',
      max: config.pool?.max ?? 64,
      idleStop: config.pool?.idle_stop ?? 300_000,
    },
    health: {
      every: config.health?.every ?? 30_000,
      timeout: config.health?.timeout ?? 5_000,
      restart: {
        ...backoffOf(config.health?.restart?.backoff ?? '1s..60s'),
        max: config.health?.restart?.max ?? 10,
      },
    },
  }
  if (config.command !== undefined) {
    const { command, args = [], env = {}, cwd } = config
    return { ...common, kind: 'stdio', command, args, env, cwd }
  }
  const { url = '', headers = {} } = config
  const reserved = Object.keys(headers).find(isReservedHeader)
  if (reserved !== undefined) {
    const message = `servers: ${config.name}: the header ${reserved} is set by the gateway itself`
    throw new AppError('CONFIG_INVALID', message)
  }
  const wrong = mismatch(config)
  if (wrong !== undefined)
    throw new AppError('CONFIG_INVALID', `servers: ${config.name}: transport: ${wrong}`)
  if (isWebSocketUrl(url)) return { ...common, kind: 'websocket', url, headers }
  const transport = config.transport as HttpOptions['transport']
  return { ...common, kind: 'http', url, headers, transport }
}

function isWebSocketUrl(url: string): boolean {
  return /^wss?:/.test(url)
}

/** What is wrong with the transport of a server for its url; undefined: nothing. */
export function mismatch({ url, transport }: ServerConfig): string | undefined {
  if (url === undefined || transport === undefined) return undefined
  if ((transport === 'websocket') === isWebSocketUrl(url)) return undefined
  const wanted = transport === 'websocket' ? 'a ws or wss url' : 'an http or https url'
  return `${transport} needs ${wanted}`
}

const RESERVED = new Set([
  'host', 'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'accept',
  'accept-encoding', 'mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name', 'last-event-id',
]) // biome-ignore format: a table reads better in rows

/** Framing, and what a link itself says about a message: neither a configuration nor a plugin sets these. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase()
  return RESERVED.has(lower) || lower.startsWith('content-') || lower.startsWith('sec-websocket-')
}

// `1s..60s`; the wrong way round is put right, a pattern the schema would have refused falls back to the default
function backoffOf(range: string): { least: number; most: number } {
  const [low = '', high = ''] = range.split('..')
  const first = parseDuration(low) ?? 1_000
  const second = parseDuration(high) ?? 60_000
  return { least: Math.min(first, second), most: Math.max(first, second) }
}
