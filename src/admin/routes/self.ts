// The routes about the API itself: who am I, which rights and points there are.
import type { Route } from '../route.ts'
import { ref } from './shapes.ts'

const open = {
  method: 'GET',
  kind: undefined,
  reach: 'tenant',
  right: undefined,
  query: {},
  headers: [],
  problems: [],
} as const

const listed = (name: string, description: string) => ({
  200: {
    description,
    type: 'application/json' as const,
    schema: {
      type: 'object',
      properties: { items: { type: 'array', items: ref(name) } },
      required: ['items'],
    },
  },
})

export const SELF_ROUTES: readonly Route[] = [
  {
    ...open,
    path: '/me',
    operation: 'getMe',
    about: 'See who you are and which rights you have.',
    answers: {
      200: { description: 'the principal', type: 'application/json', schema: ref('Me') },
    },
    handle({ principal }, rooms) {
      const { id, kind, roles, scopes, tenant } = principal
      const rights = rooms.rightsOf(principal)
      return { status: 200, body: { id, kind, roles, scopes, tenant: tenant ?? null, rights } }
    },
  },
  {
    ...open,
    path: '/rights',
    operation: 'listRights',
    about: 'See the table of rights: what can be asked for, and which built-in roles have it.',
    answers: listed('Right', 'the rights'),
    handle: (_call, { rights }) => ({
      status: 200,
      body: { items: Object.entries(rights).map(([name, spec]) => ({ name, ...spec })) },
    }),
  },
  {
    ...open,
    path: '/points',
    operation: 'listPoints',
    about: 'See the points that policies can be bound to.',
    answers: listed('Point', 'the points'),
    handle: (_call, rooms) => ({ status: 200, body: { items: rooms.points() } }),
  },
]
