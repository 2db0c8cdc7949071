// The vocabulary of expressions: which variables a condition may name, and the types that fill in what a request lacks.

/**
 * The type of a variable. `number` is a JSON number (a CEL double that compares and calculates with int literals), `map` an
 * open object, `{ fields }` a closed one: another field of it is a load error.
 */
export type CelType =
  | 'bool'
  | 'number'
  | 'string'
  | 'list'
  | 'map'
  | 'dyn'
  | { readonly fields: Readonly<Record<string, CelType>> }

export type CelVariables = Readonly<Record<string, CelType>>

/** What `when` and every expression of a policy see (docs/pipeline.md sections 7 and 9). */
export const CONDITION_VARIABLES = {
  payload: 'map',
  principal: {
    fields: {
      id: 'string',
      kind: 'string',
      roles: 'list',
      scopes: 'list',
      tenant: 'string',
      claims: 'map',
    },
  },
  client: { fields: { name: 'string', version: 'string' } },
  server: { fields: { name: 'string', tags: 'list', environment: 'string', tenant: 'string' } },
  session: 'string',
  virtualServer: 'string',
  method: 'string',
  era: 'string',
  surface: 'string',
  origin: 'string',
  round: 'number',
  labels: 'list',
  point: 'string',
  dryRun: 'bool',
} as const satisfies CelVariables
