// The one table of points: types, schemas, documentation, listings and the coverage matrix come from it.
import { CONTROL_POINTS } from './control.ts'
import { DATA_POINTS } from './data.ts'
import type { AnswerOf, PatchOf, PayloadOf, PointDeclaration } from './declare.ts'

export const POINTS = { ...DATA_POINTS, ...CONTROL_POINTS } as const

export type PointName = keyof typeof POINTS

/** Names that other gateways use for the same points (docs/pipeline.md section 2). */
export const POINT_ALIASES: Readonly<Record<string, PointName>> = {
  sampling_pre_create: 'completion_pre_request',
  sampling_post_response: 'completion_post_response',
}

/** Payload, patch and answer of every point, for the engine's types. */
export type Points = {
  [K in PointName]: {
    payload: PayloadOf<(typeof POINTS)[K]> & object
    patch: PatchOf<(typeof POINTS)[K]> & object
    answer: AnswerOf<(typeof POINTS)[K]>
  }
}

export type Payload<K extends PointName> = Points[K]['payload']
export type Patch<K extends PointName> = Points[K]['patch']
export type Answer<K extends PointName> = Points[K]['answer']

export function isPointName(name: string): name is PointName {
  return Object.hasOwn(POINTS, name)
}

export function declarationOf(name: PointName): PointDeclaration {
  return POINTS[name] as unknown as PointDeclaration
}

export const POINT_NAMES = Object.keys(POINTS) as readonly PointName[]

/** Points the gateway fires today. */
export const WIRED_POINTS: readonly PointName[] = POINT_NAMES.filter(
  (name) => POINTS[name].wired === true,
)
