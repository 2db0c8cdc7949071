// The TypeScript type of a section, derived from its schema, so that a shape is written once; types only, nothing runs.

/** What the loader makes of a value that fits the schema: defaults in place, durations and sizes as numbers, all read-only. */
export type Resolved<S> = S extends { readonly const: infer C }
  ? C
  : S extends { readonly 'x-built': readonly (infer B)[] }
    ? B
    : S extends { readonly enum: readonly (infer E)[]; readonly 'x-not-built-values': infer N }
      ? Exclude<E, keyof N>
      : S extends { readonly enum: readonly (infer E)[] }
        ? E
        : S extends { readonly type: infer T }
          ? OfType<S, T>
          : unknown

type OfType<S, T> = T extends 'string'
  ? S extends { readonly format: 'duration' | 'size' }
    ? number
    : string
  : T extends 'integer' | 'number'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'array'
        ? S extends { readonly items: infer I }
          ? readonly Resolved<I>[]
          : readonly unknown[]
        : T extends 'object'
          ? OfObject<S>
          : unknown

type OfObject<S> = S extends {
  readonly properties: infer P
  readonly additionalProperties: infer A extends object
}
  ? OfProperties<S, P> & Readonly<Record<string, Resolved<A>>>
  : S extends { readonly properties: infer P }
    ? OfProperties<S, P>
    : S extends { readonly additionalProperties: infer A extends object }
      ? Readonly<Record<string, Resolved<A>>>
      : Readonly<Record<string, unknown>>

type OfProperties<S, P> = Flat<
  {
    readonly [K in keyof P as IsPresent<S, P, K> extends true ? K : never]: Resolved<P[K]>
  } & {
    readonly [K in keyof P as IsOptional<S, P, K> extends true ? K : never]?: Resolved<P[K]>
  }
>

type IsPresent<S, P, K extends keyof P> = P[K] extends { readonly default: unknown }
  ? true
  : S extends { readonly required: readonly (infer R)[] }
    ? K extends R
      ? true
      : false
    : false

// a property that is not built and has no default never gets through the loader
type IsOptional<S, P, K extends keyof P> =
  IsPresent<S, P, K> extends true
    ? false
    : P[K] extends { readonly 'x-built': unknown }
      ? true
      : P[K] extends { readonly 'x-not-built': string }
        ? false
        : true

type Flat<T> = { [K in keyof T]: T[K] } & {}
