// One declaration, three uses: a TypeScript type, a JSON Schema and a run-time check of a payload's shape.
import { isObject, type Json, type JsonObject } from '../base/json.ts'

export interface Shape<out T> {
  /** JSON Schema 2020-12. */
  readonly schema: JsonObject
  readonly is: (value: unknown) => boolean
  /** Never present; carries the type. */
  readonly type?: T
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never

/** A member that may be absent. */
export interface Optional<out T> {
  readonly optional: Shape<T>
}

type Members = Readonly<Record<string, Shape<unknown> | Optional<unknown>>>
type RequiredKeys<M> = { [K in keyof M]: M[K] extends Optional<unknown> ? never : K }[keyof M]
type OptionalKeys<M> = { [K in keyof M]: M[K] extends Optional<unknown> ? K : never }[keyof M]
type ObjectOf<M> = { readonly [K in RequiredKeys<M>]: TypeOf<M[K]> } & {
  readonly [K in OptionalKeys<M>]?: M[K] extends Optional<infer T> ? T | undefined : never
}

export const text: Shape<string> = {
  schema: { type: 'string' },
  is: (value) => typeof value === 'string',
}
export const integer: Shape<number> = { schema: { type: 'integer' }, is: Number.isInteger }
export const flag: Shape<boolean> = {
  schema: { type: 'boolean' },
  is: (value) => typeof value === 'boolean',
}
/** Any JSON. Typed loosely on purpose: what MCP leaves open, a policy must be able to look into. */
// biome-ignore lint/suspicious/noExplicitAny: payload members that MCP leaves open are looked into without a cast
export const anything: Shape<any> = { schema: {}, is: () => true }
// biome-ignore lint/suspicious/noExplicitAny: as above, for objects
export const object: Shape<{ readonly [member: string]: any }> = {
  schema: { type: 'object' },
  is: isObject,
}

export function optional<T>(shape: Shape<T>): Optional<T> {
  return { optional: shape }
}

export function oneOf<const V extends string>(...values: readonly V[]): Shape<V> {
  return { schema: { type: 'string', enum: values }, is: (value) => values.includes(value as V) }
}

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema },
    is: (value) => Array.isArray(value) && value.every(item.is),
  }
}

export function map<T>(value: Shape<T>): Shape<{ readonly [member: string]: T }> {
  return {
    schema: { type: 'object', additionalProperties: value.schema },
    is: (candidate) => isObject(candidate) && Object.values(candidate).every(value.is),
  }
}

/** An object with these members; others may stand beside them, as MCP allows. */
export function members<const M extends Members>(declared: M): Shape<ObjectOf<M>> {
  const rows = Object.entries(declared).map(([name, member]) => ({
    name,
    required: !('optional' in member),
    shape: 'optional' in member ? member.optional : member,
  }))
  const required = rows.filter((row) => row.required).map((row) => row.name)
  // what may be anything or nothing is not even read: it may be large, and not parsed yet
  const checked = rows.filter((row) => row.required || row.shape !== anything)
  const properties: Record<string, Json> = {}
  for (const { name, shape } of rows) properties[name] = shape.schema
  return {
    schema: { type: 'object', properties, ...(required.length > 0 ? { required } : {}) },
    is: (value) => isObject(value) && checked.every((row) => fits(value[row.name], row)),
  }
}

function fits(value: unknown, { shape, required }: { shape: Shape<unknown>; required: boolean }) {
  return value === undefined ? !required : shape.is(value)
}

export function described<T>(shape: Shape<T>, description: string): Shape<T> {
  return { ...shape, schema: { ...shape.schema, description } }
}

/** A shape with one more rule that JSON Schema does not say. */
export function refined<T>(shape: Shape<T>, rule: (value: T) => boolean): Shape<T> {
  return { ...shape, is: (value) => shape.is(value) && rule(value as T) }
}
