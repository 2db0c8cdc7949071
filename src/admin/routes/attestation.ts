// The routes about the attestation of servers: how the last one ended, and one more, now.
import type { Route } from '../route.ts'
import { closedShape, ref } from './shapes.ts'

const ACCEPTED = closedShape({
  accept_new_hardware: {
    type: 'boolean',
    default: false,
    description: 'it may be on other hardware than the one that was admitted, this once',
  },
})

const common = {
  kind: undefined,
  reach: 'gateway',
  query: {},
  headers: [],
  problems: [404],
} as const

const answers = (description: string) => ({
  200: { description, type: 'application/json' as const, schema: ref('Attestation') },
})

export const ATTESTATION_ROUTES: readonly Route[] = [
  {
    ...common,
    method: 'GET',
    path: '/servers/{id}/attestation',
    operation: 'getAttestation',
    about: 'See how the last attestation of a server ended.',
    right: 'api:status.read',
    answers: answers('whether it serves, and the result'),
    handle: ({ id }, rooms) => ({ status: 200, body: rooms.attested(id) }),
  },
  {
    ...common,
    method: 'POST',
    path: '/servers/{id}/attest',
    operation: 'attestServer',
    about: 'Have a server attested now; what comes of it is in force when this is answered.',
    right: 'api:server.attest',
    body: { type: 'application/json', schema: ACCEPTED, check: ACCEPTED, required: false },
    answers: answers('how it ended: a refusal is an answer, too'),
    handle: async ({ id, body }, rooms) => ({
      status: 200,
      body: await rooms.attest(id, { newHardware: body?.accept_new_hardware === true }),
    }),
  },
]
