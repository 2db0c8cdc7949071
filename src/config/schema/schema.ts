// The JSON Schema dialect of the sections and its walk: 2020-12 plus a few `x-` keywords; it validates nothing itself.
import type { MapNode, TreeNode } from '../source/tree.ts'

/** How a room describes its section. Rooms write plain `as const` objects; this is what the loader reads of them. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: { readonly [name: string]: Schema }
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly required?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  /** `duration` and `size` are text in YAML and a number (ms, bytes) in the resolved configuration. */
  readonly format?: string
  readonly dependentSchemas?: {
    readonly [name: string]: { readonly properties?: { readonly [name: string]: Schema | boolean } }
  }
  /** The property is known but nothing serves it yet: giving it is an error that says this text. */
  readonly 'x-not-built'?: string
  /** Values that are served all the same, for a property with `x-not-built`. */
  readonly 'x-built'?: readonly unknown[]
  /** Single values that are known but not served yet, each with its text. */
  readonly 'x-not-built-values'?: { readonly [value: string]: string }
  /**
   * A path: relative ones are relative to the file that names them and become absolute. A text: the value is a path when it
   * stands behind this prefix.
   */
  readonly 'x-path'?: boolean | string
  /** Never shown. */
  readonly 'x-secret'?: boolean
  /** What a pattern wants, in words. */
  readonly 'x-expects'?: string
  readonly [keyword: string]: unknown
}

/** A section knows nothing of the others; what concerns several is a check. */
export type Sections = Readonly<Record<string, Schema>>

/** The schema of a whole configuration. `notBuilt` names sections that nothing serves yet, each with the reason. */
export function rootSchema(
  sections: Sections,
  notBuilt: Readonly<Record<string, string>> = {},
): Schema {
  const later: Record<string, Schema> = {}
  for (const [name, text] of Object.entries(notBuilt))
    later[name] = { 'x-not-built': text, description: text }
  return {
    type: 'object',
    additionalProperties: false,
    required: ['version'],
    properties: {
      version: { const: 1, description: 'the version of this format' },
      include: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        description: 'files whose lists are added to the ones here; a * may stand in the file name',
      },
      ...sections,
      ...later,
    },
  }
}

/** The schema of a member of a map; undefined where nothing is said about it. */
export function memberSchema(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema === undefined) return undefined
  const own =
    schema.properties && Object.hasOwn(schema.properties, name)
      ? schema.properties[name]
      : undefined
  if (own !== undefined) return own
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

/** A list whose items require a `name` is keyed by it: names are unique, and a profile merges by them. */
export function isNamedList(schema: Schema | undefined): boolean {
  return schema?.items?.required?.includes('name') ?? false
}

/** Whether another member that is present rules this one out (`dependentSchemas: { a: { properties: { b: false } } }`). */
export function excludedBy(schema: Schema, map: MapNode, name: string): string | undefined {
  for (const [present, { properties }] of Object.entries(schema.dependentSchemas ?? {}))
    if (map.members.has(present) && properties?.[name] === false) return present
  return undefined
}

export type Visit = (
  node: TreeNode,
  schema: Schema | undefined,
  path: (string | number)[],
) => boolean | undefined

/** Visits a tree together with its schema, outside in; a visit that returns false is not followed further. */
export function walk(
  node: TreeNode,
  schema: Schema | undefined,
  visit: Visit,
  path: (string | number)[] = [],
): void {
  if (visit(node, schema, path) === false) return
  if (node.kind === 'list')
    node.items.forEach((item, index) => {
      walk(item, schema?.items, visit, [...path, index])
    })
  if (node.kind === 'map')
    for (const [name, member] of node.members)
      walk(member.node, memberSchema(schema, name), visit, [...path, name])
}
