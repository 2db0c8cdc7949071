// How a point is declared: rules for the engine, shapes for types and schemas, words for the documentation.
import type { ConditionField, PointRules, WritableField } from '../engine/point.ts'
import type { Shape, TypeOf } from './shape.ts'

/** What the other side gets when the point denies (docs/pipeline.md section 6). */
export type DenialForm =
  | 'tool'
  | 'rpc'
  | 'http'
  | 'drop'
  | 'forget'
  | 'decline'
  | 'error'
  | 'problem'
  | 'none'

export interface Field<T> extends WritableField {
  readonly shape: Shape<T>
}

/** Everything there is to say about one point. */
export interface PointDeclaration<
  P extends object = object,
  W extends Fields = Fields,
  A = unknown,
  Q extends boolean = boolean,
  O extends boolean = boolean,
> extends PointRules {
  readonly ask: Q
  readonly observe: O
  readonly writable: W
  readonly payload: Shape<P>
  readonly answerShape: Shape<A> | undefined
  /** One clause: when it fires. */
  readonly fires: string
  readonly denial: DenialForm
  /** True when the gateway fires it; otherwise what it waits for. */
  readonly wired: true | string
}

type Fields = Readonly<Record<string, Field<unknown>>>

type Declared<P extends object, W extends Fields, A, Q extends boolean, O extends boolean> = {
  readonly fires: string
  readonly payload: Shape<P>
  readonly writable?: W
  readonly answer?: Shape<A>
  readonly class?: PointRules['class']
  readonly ask?: Q
  readonly observe?: O
  readonly content?: readonly string[]
  readonly target?: PointRules['target']
  readonly conditions?: readonly ConditionField[]
  readonly methods?: readonly string[]
  readonly contentTypes?: PointRules['contentTypes']
  readonly joins?: (before: A, next: A) => A
  readonly entitled?: (answer: A) => boolean
  readonly denial?: DenialForm
  readonly wired?: true | string
}

/** Conditions that every request can be asked about. */
export const REQUEST_CONDITIONS = [
  'tenants',
  'users',
  'agents',
  'roles',
  'methods',
  'eras',
  'labels',
] as const
export const SERVER_CONDITIONS = ['servers', 'tags', 'environments', ...REQUEST_CONDITIONS] as const

/** Fills in what most points have in common. */
export function point<
  P extends object,
  const W extends Fields = Record<never, never>,
  A = never,
  const Q extends boolean = false,
  const O extends boolean = false,
>(declared: Declared<P, W, A, Q, O>): PointDeclaration<P, W, A, Q, O> {
  const observe = declared.observe === true
  return {
    fires: declared.fires,
    payload: declared.payload,
    class: declared.class ?? 'data',
    writable: declared.writable ?? ({} as W),
    deny: !observe,
    respond: declared.answer !== undefined,
    ask: (declared.ask === true) as Q,
    observe: observe as O,
    answerShape: declared.answer,
    ...(declared.answer ? { answer: declared.answer.is } : {}),
    content: declared.content ?? [],
    ...(declared.joins ? { joins: declared.joins as PointRules['joins'] } : {}),
    ...(declared.entitled ? { entitled: declared.entitled as PointRules['entitled'] } : {}),
    ...(declared.target ? { target: declared.target } : {}),
    conditions: declared.conditions ?? REQUEST_CONDITIONS,
    ...(declared.methods ? { methods: declared.methods } : {}),
    ...(declared.contentTypes ? { contentTypes: declared.contentTypes } : {}),
    denial: declared.denial ?? (observe ? 'none' : 'rpc'),
    wired: declared.wired ?? true,
  }
}

/** A writable field at the top of the payload, or at `path`. */
export function field<T>(
  shape: Shape<T>,
  name: string,
  options: { in?: string; merge?: boolean; accepts?: WritableField['accepts'] } = {},
): Field<T> {
  return {
    shape,
    path: options.in ? [options.in, name] : [name],
    accepts: options.accepts ?? ((value) => shape.is(value)),
    ...(options.merge ? { merge: true } : {}),
  }
}

export type PayloadOf<D> = D extends { readonly payload: infer S } ? TypeOf<S> : never
export type AnswerOf<D> = D extends { readonly answerShape: infer S }
  ? TypeOf<NonNullable<S>>
  : never
type WritableOf<D> = D extends { readonly writable: infer W }
  ? { readonly [F in keyof W]?: W[F] extends Field<infer T> ? T : never }
  : never
/** Writable fields; the other fields of the payload are named so that patching them does not compile. */
export type PatchOf<D> = WritableOf<D> & {
  readonly [F in Exclude<keyof PayloadOf<D>, keyof WritableOf<D>>]?: never
}
