// The routes about the gateway as a whole: what runs, its configuration, its points, reload and explain.
import { AppError } from '../../base/errors.ts'
import type { Route } from '../route.ts'
import { closedShape, ref } from './shapes.ts'

const gateway = {
  kind: undefined,
  reach: 'gateway',
  query: {},
  headers: [],
  problems: [],
} as const

const shown = (name: string, description: string) => ({
  200: { description, type: 'application/json' as const, schema: ref(name) },
})

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'

const text = { type: 'string', minLength: 1, maxLength: 4096 }
const names = { type: 'array', maxItems: 256, items: text }
const open = { type: 'object' }

const QUESTION = closedShape(
  {
    point: { ...text, description: 'such as tool_pre_invoke' },
    server: { ...text, description: 'a configured server' },
    name: { ...text, description: 'the tool, prompt or resource' },
    arguments: { ...open, description: 'of the call' },
    result: { ...open, description: 'what the server answered; post-points need it' },
    payload: { ...open, description: 'members of the payload, over those made from the rest' },
    principal: {
      ...closedShape({ id: text, roles: names, scopes: names, tenant: text, claims: open }, ['id']),
      description: 'who asks; absent: nobody in particular',
    },
    client: closedShape({ name: text, version: text }, ['name', 'version']),
    era: { enum: ['legacy', 'modern'] },
  },
  ['point'],
)

export const GATEWAY_ROUTES: readonly Route[] = [
  {
    ...gateway,
    method: 'GET',
    path: '/status',
    operation: 'getStatus',
    about: 'See what runs and what is not as configured.',
    right: 'api:status.read',
    answers: shown('Status', 'as /readyz says it, whole'),
    handle: (_call, rooms) => ({ status: 200, body: rooms.status() }),
  },
  {
    ...gateway,
    method: 'GET',
    path: '/metrics',
    operation: 'getMetrics',
    about: 'See the numbers that /metrics serves without credentials on loopback.',
    right: 'api:status.read',
    answers: {
      200: {
        description: 'Prometheus text',
        type: 'text/plain',
        schema: { type: 'string' },
      },
    },
    problems: [404],
    async handle(_call, rooms) {
      const text = await rooms.metrics()
      if (text !== undefined) return { status: 200, text, type: PROMETHEUS }
      throw new AppError('API_NOT_FOUND', 'metrics are switched off; set telemetry.prometheus')
    },
  },
  {
    ...gateway,
    method: 'GET',
    path: '/config',
    operation: 'getConfig',
    about: 'See the configuration in force, secrets masked.',
    right: 'api:config.read',
    answers: shown('Config', 'the configuration'),
    handle: (_call, rooms) => ({ status: 200, body: rooms.config() }),
  },
  {
    ...gateway,
    method: 'POST',
    path: '/reload',
    operation: 'reload',
    about: 'Have the configuration read again; what is in force stays when it is refused.',
    right: 'api:config.reload',
    query: {
      dryRun: {
        type: 'boolean',
        default: false,
        description: 'read, compare and judge it, put nothing in force',
      },
    },
    answers: shown('Reload', 'how it ended'),
    handle: async ({ query }, rooms) => ({
      status: 200,
      body: await rooms.reload({ dryRun: query.dryRun === true }),
    }),
  },
  {
    ...gateway,
    method: 'POST',
    path: '/secrets/reseal',
    operation: 'resealSecrets',
    about: 'Seal the secrets of the store with the first key; after that the others can go.',
    right: 'api:secret.reseal',
    answers: shown('Resealed', 'how far it came; `more`: ask again for the rest'),
    handle: async ({ principal, requestId }, rooms) => ({
      status: 200,
      body: await rooms.reseal({ principal, requestId }),
    }),
  },
  {
    ...gateway,
    method: 'POST',
    path: '/explain',
    operation: 'explain',
    about:
      'Ask what the policies would do with a request at a point; a dry run, no server is asked.',
    right: 'api:explain.run',
    body: { type: 'application/json', schema: QUESTION, check: QUESTION, required: true },
    answers: shown('Explanation', 'every entry of the point, in turn, and how it would end'),
    handle: async ({ body = {} }, rooms) => ({ status: 200, body: await rooms.explain(body) }),
  },
]
