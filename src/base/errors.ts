// The one table of error codes and the error class that carries them; it knows codes, not the rooms that raise them.
// Over 300 lines because it is a table.

/** One row of the table. `rpc` and `http` are what a client sees when the code reaches a border. */
export interface ErrorSpec {
  /** JSON-RPC error code (JSON-RPC 2.0 section 5.1, MCP basic/index#error-codes). */
  readonly rpc: number
  /** HTTP status where headers are still unsent. */
  readonly http: number
  /** What happened, one clause. */
  readonly what: string
  /** What the operator or caller does next. */
  readonly next: string
}

/** Codes are public contract: never reused, never renamed, pinned by a test, listed in docs/errors.md. */
export const ERRORS = {
  // the wire: what a client sent
  WIRE_PARSE: row(
    -32700,
    400,
    'the body is not valid JSON',
    'send one JSON-RPC 2.0 message as UTF-8 JSON',
  ),
  WIRE_DUPLICATE_MEMBER: row(
    -32700,
    400,
    'an object has the same member twice',
    'send each member once',
  ),
  WIRE_CASE_VARIANT: row(
    -32700,
    400,
    'a member differs from a known one only in case',
    'spell members as the MCP schema does',
  ),
  WIRE_TOO_DEEP: row(
    -32700,
    400,
    'the JSON is nested too deeply',
    'flatten the message or raise limits.depth',
  ),
  WIRE_TOO_LARGE: row(
    -32600,
    413,
    'the body is larger than the limit',
    'send less or raise limits.body',
  ),
  WIRE_INVALID_REQUEST: row(
    -32600,
    400,
    'the message is not a JSON-RPC 2.0 request',
    'see the JSON-RPC 2.0 specification',
  ),
  WIRE_BATCH: row(
    -32600,
    400,
    'batches are not supported by this revision',
    'send one message per request',
  ),
  WIRE_METHOD_NOT_FOUND: row(
    -32601,
    404,
    'the method is unknown or not offered here',
    'call a method the gateway advertises',
  ),
  WIRE_INVALID_PARAMS: row(
    -32602,
    400,
    'the parameters are invalid',
    'correct the named parameter',
  ),
  WIRE_UNKNOWN_TARGET: row(
    -32602,
    400,
    'no such tool, prompt or resource',
    'list first and use a listed name',
  ),
  WIRE_BAD_CURSOR: row(
    -32602,
    400,
    'the cursor is not one of ours or has expired',
    'list again from the start',
  ),
  WIRE_BAD_STATE: row(
    -32602,
    400,
    'the requestState is not one of ours, belongs to another request, or has expired',
    'send the request again without requestState and inputResponses',
  ),
  WIRE_HEADER_MISMATCH: row(
    -32020,
    400,
    'a header does not equal the body',
    'send Mcp-Method and Mcp-Name as in the body',
  ),
  WIRE_UNSUPPORTED_VERSION: row(
    -32022,
    400,
    'the protocol version is not supported',
    'use one of data.supported',
  ),
  WIRE_NOT_ACCEPTABLE: row(
    -32600,
    406,
    'the client accepts neither JSON nor an event stream',
    'send Accept: application/json, text/event-stream',
  ),
  WIRE_UNSUPPORTED_MEDIA: row(
    -32600,
    415,
    'the body is not application/json',
    'send Content-Type: application/json',
  ),
  WIRE_METHOD_NOT_ALLOWED: row(-32600, 405, 'this HTTP method is not offered here', 'use POST'),
  WIRE_NOT_FOUND: row(
    -32600,
    404,
    'there is nothing at this path',
    'use the path the gateway printed at start',
  ),
  WIRE_HOST_REFUSED: row(
    -32600,
    403,
    'the Host header is not allowed',
    'add it to listen.allowed_hosts',
  ),
  WIRE_ORIGIN_REFUSED: row(
    -32600,
    403,
    'the Origin header is not allowed',
    'add it to listen.allowed_origins',
  ),
  WIRE_TIMEOUT: row(
    -32600,
    408,
    'the request did not arrive in time',
    'send it faster or raise limits.header_timeout',
  ),

  // sessions
  SESSION_REQUIRED: row(
    -32600,
    400,
    'the request names no session',
    'send initialize first, then its Mcp-Session-Id',
  ),
  SESSION_UNKNOWN: row(-32600, 404, 'the session is unknown or has ended', 'send initialize again'),
  SESSION_LIMIT: row(
    -32600,
    503,
    'too many sessions',
    'end idle sessions or raise limits.sessions',
  ),
  SESSION_STREAM_LIMIT: row(
    -32600,
    409,
    'too many streams in this session',
    'close one or raise limits.streams_per_session',
  ),
  SUBSCRIPTION_LIMIT: row(
    -32600,
    409,
    'too many subscriptions',
    'end some, or raise limits.subscriptions or limits.listens_per_principal',
  ),
  SESSION_BUSY: row(
    -32600,
    429,
    'too many requests of this session wait for their answers',
    'wait for answers before you ask for more',
  ),

  STREAM_EVENT_UNKNOWN: row(
    -32600,
    400,
    'the Last-Event-ID names no event of this session',
    'open a stream without it',
  ),
  STREAM_EVENT_GONE: row(
    -32600,
    410,
    'a stream cannot be taken up again without a gap',
    'open a stream without Last-Event-ID; come back sooner or raise limits.replay',
  ),
  STREAM_HOLDBACK: row(
    -32603,
    500,
    'more of a stream was to be held back than may be while policies decide',
    'make the policies faster or raise limits.holdback',
  ),

  // policy answers (refusals, not faults)
  POLICY_DENIED: row(
    -31001,
    403,
    'a policy refused the operation',
    'read data.reason; ask the operator of the gateway',
  ),

  // plugins and the engine (faults)
  PLUGIN_THREW: row(
    -32603,
    500,
    'a plugin threw',
    'see the log entry with this request id; set on_error if the call should go on',
  ),
  PLUGIN_TIMEOUT: row(
    -32603,
    500,
    'a plugin did not answer in time',
    'raise its timeout or mend the plugin',
  ),
  PLUGIN_BAD_VERDICT: row(
    -32603,
    500,
    'a plugin answered something that is no verdict',
    'return nothing, patch, deny, respond or ask',
  ),
  PLUGIN_VERDICT_NOT_ALLOWED: row(
    -32603,
    500,
    'a plugin answered a verdict this point or mode does not allow',
    'see docs/hooks.md for the point',
  ),
  PLUGIN_PATCH_NOT_WRITABLE: row(
    -32603,
    500,
    'a plugin patched a field that is not writable here',
    'see the writable fields in docs/hooks.md',
  ),
  PLUGIN_PATCH_INVALID: row(
    -32603,
    500,
    'a plugin patched a field with a value of the wrong shape',
    'see the payload schema in docs/hooks.md',
  ),
  PLUGIN_CONDITION_FAILED: row(
    -32603,
    500,
    'a condition could not be evaluated',
    'mend the expression under when',
  ),
  PLUGIN_PAYLOAD_MUTATED: row(
    -32603,
    500,
    'a plugin tried to change a payload in place',
    'return patch({...}) instead',
  ),
  DISPATCH_TIMEOUT: row(
    -32603,
    500,
    'the plugins of a point used up the time budget',
    'raise limits.dispatch or make the plugins faster',
  ),
  DISPATCH_ABORTED: row(-32603, 499, 'the request was cancelled', 'nothing; the caller went away'),
  PAYLOAD_TOO_LARGE: row(
    -32603,
    500,
    'the payload is larger than plugins may be given',
    'raise limits.payload or limits.points for this point',
  ),
  NUMBER_UNSAFE: row(
    -32603,
    500,
    'a plugin read an integer beyond 2^53',
    'send it as a string, or exempt the call from the plugin',
  ),

  // configuration and plugin loading
  CONFIG_INVALID: row(
    -32603,
    500,
    'the configuration is invalid',
    'correct the place named in the message',
  ),
  CONFIG_NOT_FOUND: row(
    -32603,
    500,
    'there is no configuration file at this path',
    'name a file that is there, or run portcullis init',
  ),
  CONFIG_UNSAFE_FILE: row(
    -32603,
    500,
    'the configuration file can be written by everyone',
    'chmod o-w the file',
  ),
  CONFIG_NOT_BUILT: row(
    -32603,
    500,
    'the configuration asks for something that is not built yet',
    'remove the key',
  ),
  STORE_UNAVAILABLE: row(
    -32603,
    500,
    'the store cannot be opened or written',
    'see the reason in the message; check its folder, rights and free space, or set store.url',
  ),
  STORE_CONFLICT: row(
    -32603,
    409,
    'somebody else has changed it meanwhile',
    'read it again and repeat the change on what it is now',
  ),
  STORE_COMPACTED: row(-32603, 500, 'changes that far back are not kept', 'read everything anew'),
  STORE_SEALED: row(
    -32603,
    500,
    'a secret in the store cannot be opened',
    'give the key it was sealed with, beside the new one, in store.keys',
  ),
  AUDIT_UNREADABLE: row(
    -32603,
    500,
    'kept audit records cannot be read',
    'name the file or the store that they are kept in',
  ),
  AUTH_REQUIRED: row(
    -31001,
    401,
    'the request has no credentials',
    'send Authorization: Bearer with a token or key',
  ),
  AUTH_INVALID: row(-31001, 401, 'the credentials are not valid', 'get a new token or key'),
  AUTH_DENIED: row(
    -31001,
    403,
    'the principal may not do this',
    'ask for a role that may, or for the scopes that are named',
  ),
  AUTH_LIMITED: row(-31001, 429, 'too many failed attempts', 'wait as long as Retry-After says'),
  AUTH_UNAVAILABLE: row(
    -31001,
    503,
    'whether the credentials are valid cannot be found out now',
    'try again; see whether the issuer can be reached',
  ),
  REGISTRY_INVALID: row(-32603, 422, 'the entity is not valid', 'correct what data.problems names'),
  REGISTRY_NOT_FOUND: row(-32603, 404, 'there is no such entity', 'list first and use a listed id'),
  REGISTRY_EXISTS: row(
    -32603,
    409,
    'there is an entity of this id already',
    'choose another id, or change the one that is there',
  ),
  REGISTRY_READ_ONLY: row(
    -32603,
    409,
    'the entity is declared in the configuration',
    'change it there',
  ),
  REGISTRY_PRECONDITION: row(
    -32603,
    412,
    'the entity is of another version than If-Match says',
    'read it again and repeat the change on what it is now',
  ),
  REGISTRY_REPLAYED: row(
    -32603,
    409,
    'the idempotency key was used for another request',
    'use a new key for each change',
  ),
  REGISTRY_LIMIT: row(
    -32603,
    429,
    'too many entities of this kind',
    'remove some, or raise the limit',
  ),
  // the admin API
  API_NOT_FOUND: row(-32603, 404, 'there is nothing at this path', 'see /openapi.json'),
  API_METHOD: row(
    -32603,
    405,
    'this HTTP method is not offered here',
    'use a method that the header Allow names',
  ),
  API_ORIGIN_REFUSED: row(
    -32603,
    403,
    'the request comes from a page of another origin',
    'call the API from a program, not from a page',
  ),
  API_PARAMETER: row(
    -32603,
    400,
    'a parameter or header is not valid',
    'correct what errors names; see /openapi.json',
  ),
  API_CURSOR: row(
    -32603,
    400,
    'the cursor is not one of ours, or belongs to another query',
    'list again from the start',
  ),
  API_BODY: row(
    -32603,
    422,
    'the body is not what this operation takes',
    'correct what errors names; see /openapi.json',
  ),
  API_MEDIA_TYPE: row(
    -32603,
    415,
    'the body is of a media type that this operation does not take',
    'send Content-Type as /openapi.json says, without a Content-Encoding',
  ),
  API_TOO_LARGE: row(-32603, 413, 'the body is larger than 1 MiB', 'send less'),
  API_LIMITED: row(
    -32603,
    429,
    'too many requests',
    'wait as long as Retry-After says, or raise admin.rate',
  ),
  ADMIN_UNREACHABLE: row(
    -32603,
    502,
    'the admin API of the gateway does not answer',
    'start the gateway with admin.api: true, or name its address with --admin or PORTCULLIS_ADMIN',
  ),
  ADMIN_ANSWER: row(
    -32603,
    502,
    'what answers is not the admin API of a gateway',
    'check the address: a gateway of this version serves /openapi.json there',
  ),
  LISTEN_FAILED: row(
    -32603,
    500,
    'an address cannot be listened on',
    'free the port or choose another one',
  ),
  CONFIG_RELOAD_REFUSED: row(
    -32603,
    500,
    'the new configuration was refused; the old one stays in force',
    'correct the file; it is read again on change',
  ),
  PLUGIN_GATE: row(
    -32603,
    500,
    'policies are configured but the plugin gates are closed',
    'set plugins.enabled and list the id in plugins.allowed',
  ),
  PLUGIN_NOT_FOUND: row(
    -32603,
    500,
    'no plugin with this id was found',
    'check the id and plugins.dirs',
  ),
  PLUGIN_MANIFEST: row(-32603, 500, 'a plugin manifest is invalid', 'correct plugin.yaml'),
  PLUGIN_CONFIG: row(
    -32603,
    500,
    'a plugin refused its configuration',
    'correct the config of the entry',
  ),
  PLUGIN_LOAD: row(-32603, 500, 'a plugin could not be loaded', 'see the cause'),
  PLUGIN_SETUP: row(-32603, 500, 'the setup of a plugin failed', 'see the cause'),
  PLUGIN_PERMISSION: row(
    -32603,
    500,
    'a plugin used something it was not granted',
    'grant it in plugins.entries[].grants or drop the use',
  ),

  // upstreams
  UPSTREAM_UNAVAILABLE: row(
    -32603,
    502,
    'the upstream server is not available',
    'see /readyz and the log of the server',
  ),
  CLIENT_TIMEOUT: row(
    -32603,
    504,
    'the client did not answer a question in time',
    'answer sooner or raise limits.ask',
  ),
  CLIENT_UNREACHABLE: row(
    -32603,
    502,
    'the client cannot be asked',
    'keep a stream open and declare the capability',
  ),
  UPSTREAM_TIMEOUT: row(
    -32603,
    504,
    'the upstream server did not answer in time',
    'raise limits.request_timeout or mend the server',
  ),
  UPSTREAM_PROTOCOL: row(
    -32603,
    502,
    'the upstream server broke the protocol',
    'see the log of the server',
  ),
  UPSTREAM_TOO_LARGE: row(
    -32603,
    502,
    'the answer of the upstream server is larger than the limit',
    'raise limits.response',
  ),
  UPSTREAM_REFUSED: row(
    -32603,
    502,
    'the upstream server refused the credentials of the gateway',
    'check the headers configured for the server',
  ),
  UPSTREAM_SPAWN: row(
    -32603,
    502,
    'the upstream process could not be started',
    'check command, args and cwd',
  ),
  UPSTREAM_ERA: row(
    -32603,
    502,
    'the upstream server does not speak the protocol era that was tried',
    'nothing: the other era is tried; if calls fail, see the log of the server',
  ),

  UPSTREAM_QUARANTINED: row(
    -32603,
    502,
    'the upstream server is quarantined: nothing is sent to it and nothing taken from it',
    'see why with portcullis server show; it serves again once it is admitted',
  ),
  UPSTREAM_KEY_CHANGED: row(
    -32603,
    502,
    'the upstream server showed another TLS key than the one it was admitted with',
    'have it admitted anew if the key was changed on purpose; otherwise find out who answers at its url',
  ),

  // egress
  EGRESS_REFUSED: row(
    -32603,
    502,
    'an outgoing request was refused',
    'add the host to network.allowed_hosts and to the grant',
  ),
  EGRESS_FAILED: row(-32603, 502, 'an outgoing request failed', 'see the cause'),

  // process
  SHUTTING_DOWN: row(-32603, 503, 'the gateway is shutting down', 'try again at another instance'),
  INTERNAL: row(-32603, 500, 'the gateway failed', 'report the request id'),
} as const satisfies Record<string, ErrorSpec>

function row(rpc: number, http: number, what: string, next: string): ErrorSpec {
  return { rpc, http, what, next }
}

export type ErrorCode = keyof typeof ERRORS

/** A fault: something broke. A refusal by policy is a `Violation`, never an `AppError`. */
export class AppError extends Error {
  readonly code: ErrorCode
  /** Fit to log and to show: no secrets, no payload bodies. */
  readonly data: Readonly<Record<string, unknown>> | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; data?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.data = options.data
  }

  get rpc(): number {
    return ERRORS[this.code].rpc
  }

  get http(): number {
    return ERRORS[this.code].http
  }
}

export function isAppError(value: unknown, code?: ErrorCode): value is AppError {
  return value instanceof AppError && (code === undefined || value.code === code)
}

/** The message of anything thrown, without its stack. */
export function messageOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value)
}
