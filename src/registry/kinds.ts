// The one table of what kinds of entities there are: ids, schemas, secrets, points, bounds; a kind is a row, and nothing is done here.

import type { Kind, Right } from '../identity/rights.ts'
import type { PointName } from '../points/table.ts'
import { type BodySchema, SCHEMAS } from './schemas.ts'

/** What stands for a value that is not shown; whoever sends it back keeps the value. */
export { REDACTED as MASK } from '../base/log.ts'

/** A member that is sealed in the store. `*` in a path stands for every member there. */
export interface SecretRule {
  readonly path: readonly string[]
  /** `none`: masked whole. `named`: only what is called like a secret is masked, the rest is shown. */
  readonly shown: 'none' | 'named'
}

export interface KindPoints {
  readonly create: PointName
  readonly update: PointName
  readonly remove: PointName
}

/** Lists and maps of the configuration whose items entities are made like. */
export type SectionItems =
  | 'servers'
  | 'virtual_servers'
  | 'policies'
  | 'entries'
  | 'principals'
  | 'roles'
  | 'grants'
  | 'keys'

export interface KindSpec {
  readonly id: RegExp
  /** What an id looks like, in words. */
  readonly expects: string
  /** Where the id of a new one comes from: the member `name`, tenant and member `use`, the request, or it is made. */
  readonly idOf: 'name' | 'use' | 'given' | 'made'
  /** Its own schema, or the section of the configuration whose items it is made like. */
  readonly schema: BodySchema | SectionItems
  readonly secrets: readonly SecretRule[]
  /** Members that say where secrets go: when one changes, kept secrets have to be given anew. */
  readonly boundTo: readonly string[]
  /** Members of the body that say what is known of it already: its id under this name, its tenant. */
  readonly named: string | undefined
  readonly tenanted: boolean
  /** Members that only the gateway writes; those that are `hidden` nobody reads. */
  readonly managed: readonly string[]
  readonly hidden: readonly string[]
  /** Pre-points; the post-points are their twins. */
  readonly points: KindPoints | undefined
  /** Members a listing can be narrowed by; of a list: one of its items. */
  readonly filters: readonly string[]
  /** The most there may be. */
  readonly most: number
  /** Whether what is in force is made anew when one changes; what is looked up each time needs nothing. */
  readonly affects: 'generation' | 'nothing'
}

const NAME = { id: /^(?!.*__)[a-zA-Z0-9_-]{1,64}$/, expects: 'letters, digits, "-" and single "_"' }
const LABEL = {
  id: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  expects: 'letters, digits, ".", "_" and "-", at most 64',
}
const MADE = {
  id: /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
  expects: 'letters, digits, "_" and "-", at most 64',
}
// ids of users come from elsewhere: mail addresses, SPIFFE ids, subjects of tokens
const SUBJECT = { id: /^[^\s#|\p{C}]{1,256}$/u, expects: 'no white space, # or |, at most 256' }
const OFFERED = {
  id: /^[a-zA-Z0-9_-]{1,64}(?::template)?\/[^\p{Cc}\p{Cs}]{1,1024}$/u,
  expects: 'the name of the server, a slash, and its own name or URI of it',
}

const points = (domain: string, verbs: readonly [string, string, string]): KindPoints => {
  const [create, update, remove] = verbs.map((verb) => `${domain}_pre_${verb}` as PointName)
  return { create, update, remove } as KindPoints
}
const REGISTER = ['register', 'update', 'unregister'] as const
const CREATE = ['create', 'update', 'delete'] as const
const SERVER_POINTS = points('server', REGISTER)
const AUTH_POINTS = points('auth', CREATE)
const FEDERATION_POINTS = points('federation', CREATE)

const plain = {
  secrets: [],
  boundTo: [],
  named: undefined,
  tenanted: false,
  managed: [],
  hidden: [],
  filters: [],
  most: 1000,
} as const
const offered = {
  ...plain,
  ...OFFERED,
  idOf: 'given',
  affects: 'generation',
  most: 20_000,
} as const
const whole = (...path: string[]): SecretRule => ({ path, shown: 'none' })

/** One row per kind. Rights are those of the table of rights: `api:<kind>.read` and `api:<kind>.write`. */
export const KIND_TABLE: Readonly<Record<Kind, KindSpec>> = {
  server: {
    ...plain,
    ...NAME,
    idOf: 'name',
    schema: 'servers',
    named: 'name',
    tenanted: true,
    secrets: [whole('env', '*'), whole('headers', '*')],
    boundTo: ['command', 'args', 'cwd', 'url'],
    points: SERVER_POINTS,
    filters: ['environment', 'tags'],
    affects: 'generation',
  },
  virtual_server: {
    ...plain,
    id: MADE.id,
    expects: MADE.expects,
    idOf: 'name',
    schema: 'virtual_servers',
    named: 'name',
    points: SERVER_POINTS,
    filters: ['path'],
    affects: 'generation',
  },
  tool: {
    ...offered,
    schema: SCHEMAS.offered,
    points: points('tool', REGISTER),
    filters: ['tags'],
  },
  prompt: {
    ...offered,
    schema: SCHEMAS.offered,
    points: points('prompt', REGISTER),
    filters: ['tags'],
  },
  resource: {
    ...offered,
    schema: SCHEMAS.offered,
    points: points('resource', CREATE),
    filters: ['tags'],
  },
  policy: {
    ...plain,
    ...LABEL,
    idOf: 'name',
    schema: 'policies',
    named: 'name',
    points: AUTH_POINTS,
    filters: ['then', 'mode'],
    affects: 'generation',
  },
  plugin: {
    ...plain,
    ...LABEL,
    idOf: 'use',
    schema: 'entries',
    named: 'name',
    secrets: [{ path: ['config'], shown: 'named' }],
    // what is an address among the settings only the plugin knows
    boundTo: ['config'],
    points: AUTH_POINTS,
    filters: ['use', 'mode'],
    affects: 'generation',
  },
  principal: {
    ...plain,
    // as credentials name them, `issuer#subject` among them
    id: /^[^\s\p{C}]{1,512}$/u,
    expects: 'no white space, at most 512',
    idOf: 'given',
    schema: 'principals',
    points: AUTH_POINTS,
    filters: ['disabled'],
    named: 'id',
    tenanted: true,
    most: 10_000,
    affects: 'nothing',
  },
  role: {
    ...plain,
    ...LABEL,
    idOf: 'given',
    schema: 'roles',
    points: AUTH_POINTS,
    affects: 'generation',
  },
  grant: {
    ...plain,
    ...MADE,
    idOf: 'made',
    schema: 'grants',
    points: AUTH_POINTS,
    filters: ['roles', 'principals'],
    most: 10_000,
    affects: 'generation',
  },
  key: {
    ...plain,
    id: /^[a-z0-9][a-z0-9-]{2,31}$/,
    expects: '3 to 32 lower-case letters, digits and "-"',
    idOf: 'made',
    schema: 'keys',
    named: 'id',
    tenanted: true,
    managed: ['hash'],
    hidden: ['hash'],
    points: AUTH_POINTS,
    filters: ['principal'],
    most: 10_000,
    affects: 'nothing',
  },
  client: {
    ...plain,
    ...SUBJECT,
    idOf: 'given',
    schema: SCHEMAS.client,
    points: AUTH_POINTS,
    affects: 'nothing',
  },
  peer: {
    ...plain,
    ...LABEL,
    idOf: 'given',
    schema: SCHEMAS.peer,
    secrets: [whole('headers', '*')],
    boundTo: ['url'],
    points: FEDERATION_POINTS,
    affects: 'nothing',
  },
  // what leaves for other systems passes the same points as what is shared with peers
  webhook: {
    ...plain,
    ...MADE,
    idOf: 'made',
    schema: SCHEMAS.webhook,
    secrets: [whole('secret')],
    boundTo: ['url'],
    points: FEDERATION_POINTS,
    filters: ['events'],
    affects: 'nothing',
  },
  // what it holds passes the points of its own kind, when it is proposed and when it is approved
  change: {
    ...plain,
    ...MADE,
    idOf: 'made',
    schema: SCHEMAS.change,
    secrets: [whole('request')],
    points: undefined,
    filters: ['state', 'kind', 'author'],
    affects: 'nothing',
  },
}

/** All of them: what a kind has no use for is little. */
export const KINDS_FOLLOWED = Object.keys(KIND_TABLE) as readonly Kind[]

export const isKind = (name: string): name is Kind => Object.hasOwn(KIND_TABLE, name)

export const rightOf = (kind: Kind, what: 'read' | 'write'): Right => `api:${kind}.${what}`

/** The twin that tells how it ended. */
export const postOf = (point: PointName): PointName => point.replace('_pre_', '_post_') as PointName
