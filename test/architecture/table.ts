// Who may import whom, as data: the import table of docs/architecture.md. Rules about values; types may cross through interfaces.

export interface RoomRules {
  /** Rooms, folders or files below src whose values this room may import. */
  readonly imports: readonly string[] | 'everything'
  /** Node's own modules; the engine has none, so that it runs anywhere and every effect is handed in. */
  readonly node: boolean
}

const room = (imports: RoomRules['imports'], node = true): RoomRules => ({ imports, node })

/** One row per folder below src, and per file directly in it. A room without a row may not exist. */
export const ROOMS: Readonly<Record<string, RoomRules>> = {
  base: room([]),
  engine: room(['base'], false),
  points: room(['base', 'engine']),
  expression: room(['base']),
  egress: room(['base']),
  wire: room(['base']),
  store: room(['base']),
  audit: room(['base']),
  telemetry: room(['base']),
  attest: room(['base']),
  outbox: room(['base']),
  identity: room(['base']),
  config: room(['base']),
  host: room(['base', 'engine', 'points', 'expression']),
  upstream: room(['base', 'wire']),
  bridge: room(['base', 'wire', 'upstream']),
  registry: room(['base', 'engine', 'points']),
  federation: room(['base', 'engine', 'points']),
  gateway: room(['base', 'engine', 'points', 'wire']),
  admin: room(['base']),
  // the pure parts of config only: nothing here reads a file behind the back of app.ts
  cli: room([
    'base',
    'app.ts',
    'app',
    'config/import',
    'config/print.ts',
    'config/problem.ts',
    'audit',
    'attest',
  ]),
  app: room('everything'),
  'app.ts': room('everything'),
  'index.ts': room('everything'),
  'plugin.ts': room(['engine', 'points'], false),
  'testing.ts': room('everything'),
}

/** Which folders and files below src may import the values of a package. A package without a row may not be imported. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  // a type for who mounts the gateway; loaded by nobody here
  express: [],
  helmet: ['admin'],
  undici: ['egress', 'upstream'],
  'ipaddr.js': ['egress'],
  cockatiel: ['upstream'],
  'lru-cache': ['gateway', 'identity'],
  semver: ['host'],
  'quickjs-emscripten': ['host'],
  'openid-client': ['upstream'],
  'eventsource-parser': ['wire'],
  kysely: ['store'],
  pg: ['store'],
  'node:sqlite': ['store'],
  '@redis/client': ['store/redis', 'store/redis.ts'],
  yaml: ['config', 'host/discovery/manifest.ts'],
  ajv: ['config', 'host', 'admin'],
  'ajv-formats': ['config', 'host', 'admin'],
  '@bufbuild/cel': ['expression'],
  '@bufbuild/protobuf': ['expression'],
  re2js: ['expression'],
  jose: ['identity', 'attest'],
  'prom-client': ['telemetry'],
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/sdk-node': ['telemetry'],
  commander: ['cli'],
  '@clack/prompts': ['cli'],
  '@sigstore/verify': ['host/verify.ts', 'host/verify'],
  '@sigstore/bundle': ['host/verify.ts', 'host/verify'],
  // wherever something slow is awaited off the hot path
  'p-timeout': ['*'],
  pino: ['app', 'app.ts'],
}

/** What a built-in plugin may take from Node: computation only. Whatever has an effect it asks the host for. */
export const PLUGIN_NODE: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['createHash', 'createHmac', 'randomBytes', 'timingSafeEqual'],
  'node:net': ['isIP', 'isIPv4', 'isIPv6'],
}

/** Names that say nothing about what is inside. */
export const EMPTY_NAMES = ['util', 'utils', 'helper', 'helpers', 'manager', 'common', 'misc']

/** Tables of data; they may be longer than a reader's patience for code. */
export const DATA_TABLES = ['src/base/errors.ts']

export const MOST_LINES = 500
export const MANY_LINES = 300
export const DEEPEST = 2
