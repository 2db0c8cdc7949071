// What each kind of listed thing is called on the control plane: its points, its id, and the shape plugins see. Data and pure functions.
import type { JsonObject } from '../../base/json.ts'
import type { Generation } from '../../engine/engine.ts'
import type { ListKind } from '../../gateway/catalog/gate.ts'
import type { PointName, Points } from '../../points/table.ts'

/** Kinds as upstreams list them. */
export type ListedKind = ListKind

type Before = Extract<
  PointName,
  | `${'tool' | 'prompt'}_pre_${'register' | 'update' | 'unregister'}`
  | `resource_pre_${'create' | 'update' | 'delete'}`
>
type After = Extract<
  PointName,
  | `${'tool' | 'prompt'}_post_${'register' | 'update' | 'unregister'}`
  | `resource_post_${'create' | 'update' | 'delete'}`
>
export type Change = 'register' | 'update' | 'unregister'

export interface KindRow {
  /** The kind of entity it is. */
  readonly entity: 'tool' | 'prompt' | 'resource'
  /** What identifies it at its server. */
  readonly key: 'name' | 'uri' | 'uriTemplate'
  readonly points: Readonly<Record<Change, { readonly pre: Before; readonly post: After }>>
}

const resourcePoints = {
  register: { pre: 'resource_pre_create', post: 'resource_post_create' },
  update: { pre: 'resource_pre_update', post: 'resource_post_update' },
  unregister: { pre: 'resource_pre_delete', post: 'resource_post_delete' },
} as const

export const LISTED: Readonly<Record<ListedKind, KindRow>> = {
  tools: {
    entity: 'tool',
    key: 'name',
    points: {
      register: { pre: 'tool_pre_register', post: 'tool_post_register' },
      update: { pre: 'tool_pre_update', post: 'tool_post_update' },
      unregister: { pre: 'tool_pre_unregister', post: 'tool_post_unregister' },
    },
  },
  prompts: {
    entity: 'prompt',
    key: 'name',
    points: {
      register: { pre: 'prompt_pre_register', post: 'prompt_post_register' },
      update: { pre: 'prompt_pre_update', post: 'prompt_post_update' },
      unregister: { pre: 'prompt_pre_unregister', post: 'prompt_post_unregister' },
    },
  },
  resources: { entity: 'resource', key: 'uri', points: resourcePoints },
  templates: { entity: 'resource', key: 'uriTemplate', points: resourcePoints },
}

export const pointsOf = (kind: ListedKind): readonly PointName[] =>
  Object.values(LISTED[kind].points).flatMap(({ pre, post }) => [pre, post])

const KINDS = Object.keys(LISTED) as readonly ListedKind[]

/** Kinds that some entry judges. */
export const judgedKinds = ({ points }: Pick<Generation<Points>, 'points'>): ListedKind[] =>
  KINDS.filter((kind) => pointsOf(kind).some((point) => points.has(point)))

export const isJudged = (generation: Pick<Generation<Points>, 'points'>): boolean =>
  judgedKinds(generation).length > 0

/** What judges a kind: another text, and everything is judged anew. */
export const signatureOf = (
  { signature }: Pick<Generation<Points>, 'signature'>,
  kind: ListedKind,
): string => JSON.stringify(pointsOf(kind).map((point) => [point, signature(point)]))

export const judgesAlike = (
  one: Pick<Generation<Points>, 'signature'>,
  other: Pick<Generation<Points>, 'signature'>,
): boolean => KINDS.every((kind) => signatureOf(one, kind) === signatureOf(other, kind))

/** A name of a server has neither slash nor colon, so nothing it lists can have the id of anything else. */
export function catalogueId(kind: ListedKind, server: string, name: string): string {
  return kind === 'templates' ? `${server}:template/${name}` : `${server}/${name}`
}

/** What plugins see as `entity` and `previous`. */
export function entityOf(
  kind: ListedKind,
  server: string,
  name: string,
  definition: JsonObject,
): { readonly [member: string]: unknown } {
  return { server, [LISTED[kind].key]: name, definition }
}
