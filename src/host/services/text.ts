// Every text of a payload, found and replaced where the point lets a patch write; it reads no numbers and shares nothing writable.
import { AppError } from '../../base/errors.ts'
import { isObject, UnsafeNumber } from '../../base/json.ts'
import { unwrap, View } from '../../engine/payload/view.ts'
import { declarationOf, POINT_NAMES, type PointName } from '../../points/table.ts'
import type { PluginText, TextOptions } from '../api.ts'

/** Deeper than `limits.depth` ever is; what cannot be walked is refused, not skipped. */
const MAX_DEPTH = 256
/** Writable, but addresses and settings rather than content. */
const NOT_CONTENT = new Set([
  'name',
  'uri',
  'headers',
  'isError',
  'capabilities',
  'key',
  'ttl',
  'modelPreferences',
  'maxTokens',
  'decision',
  'filter',
])
/** Members that say what a part of MCP content is, and base64: never what it says. */
const STRUCTURE = new Set(['type', 'mimeType', 'role', 'blob'])
const IDENTITY = new Set(['name', 'uri', 'uriTemplate'])

interface TextField {
  readonly name: string
  readonly path: readonly string[]
  /**
   * `mcp`: content whose structure is known; `items`: lists, whose identities stay; `entity`: the same for one definition;
   * `json`: all of it is text.
   */
  readonly kind: 'mcp' | 'items' | 'entity' | 'json' | 'error'
}

const MCP_CONTENT = new Set(['content', 'messages', 'contents'])

export function createText(): PluginText {
  const fields = new Map<PointName, readonly TextField[]>(
    POINT_NAMES.map((name) => [name, fieldsOf(name)]),
  )
  const at = (point: PointName): readonly TextField[] => fields.get(point) ?? []
  return {
    points: POINT_NAMES.filter((name) => at(name).length > 0),
    some(point, payload, test, options = {}) {
      const raw = unwrap(payload)
      // the walk itself is the search: `replace` is told every text and changes none
      let found = false
      const walk = new Walk((text) => {
        found ||= test(text)
        return text
      }, options)
      if (options.fixed) {
        walk.field(unwritable(raw, at(point)), REST)
        return found
      }
      for (const field of at(point)) {
        walk.field(valueAt(raw, field.path), field)
        if (found) return true
      }
      return false
    },
    rewrite(point, payload, replace, options = {}) {
      const raw = unwrap(payload)
      const walk = new Walk(replace, options)
      let patch: Record<string, unknown> | undefined
      for (const field of at(point)) {
        const before = valueAt(raw, field.path)
        const after = walk.field(before, field)
        if (after !== before) patch = { ...patch, [field.name]: after }
      }
      return patch as never
    },
  }
}

function fieldsOf(name: PointName): TextField[] {
  return Object.entries(declarationOf(name).writable)
    .filter(([field]) => !NOT_CONTENT.has(field))
    .map(([field, { path }]) => ({ name: field, path, kind: kindOf(name, field) }))
}

const REST: TextField = { name: 'result', path: [], kind: 'mcp' }

// the members of a result that no patch can reach, and that go on to the client as they are
function unwritable(payload: object, fields: readonly TextField[]): unknown {
  const result = valueAt(payload, ['result'])
  if (!isObject(result)) return undefined
  const written = new Set(fields.map(({ name }) => name))
  return Object.entries(result)
    .filter(([member]) => !written.has(member) && !STRUCTURE.has(member))
    .map(([, value]) => value)
}

function kindOf(point: PointName, field: string): TextField['kind'] {
  // what a person filled in has whatever members the form has
  if (point === 'elicitation_post_response') return 'json'
  if (MCP_CONTENT.has(field)) return 'mcp'
  return field === 'items' || field === 'error' || field === 'entity' ? field : 'json'
}

function valueAt(payload: unknown, path: readonly string[]): unknown {
  let value = payload
  for (const step of path) value = isObject(value) ? value[step] : undefined
  return value
}

class Walk {
  readonly #replace: (text: string) => string
  readonly #keys: boolean
  readonly #numbers: boolean

  constructor(replace: (text: string) => string, { keys = false, numbers = false }: TextOptions) {
    this.#replace = replace
    this.#keys = keys
    this.#numbers = numbers
  }

  /** The same value when nothing in it changed. */
  field(value: unknown, { kind }: TextField): unknown {
    if (kind === 'error' && isObject(value)) return this.#error(value)
    if (kind === 'items' && Array.isArray(value)) return this.#items(value)
    if (kind === 'entity' && isObject(value) && isObject(value.definition))
      return this.#entity(value, value.definition)
    return this.#value(value, kind === 'mcp', 0)
  }

  // a patch of an error may say its message and its data; its code stays
  #error(error: Record<string, unknown>): unknown {
    const message = this.#value(error.message, false, 0)
    const data = this.#value(error.data, false, 0)
    if (message === error.message && data === error.data) return error
    return {
      ...(message === error.message ? {} : { message }),
      ...(data === error.data ? {} : { data }),
    }
  }

  #items(items: readonly unknown[]): unknown {
    return this.#list(items, (entry) => {
      const item = isObject(entry) ? entry.item : undefined
      if (!isObject(entry) || !isObject(item)) return entry
      const after = this.#definition(item)
      return after === item ? entry : { ...entry, item: after }
    })
  }

  #entity(entity: Record<string, unknown>, definition: Record<string, unknown>): unknown {
    const after = this.#definition(definition)
    return after === definition ? entity : { ...entity, definition: after }
  }

  #definition(definition: Record<string, unknown>): unknown {
    return this.#members(definition, (member, value) =>
      IDENTITY.has(member) ? value : this.#value(value, false, 0),
    )
  }

  #value(value: unknown, mcp: boolean, depth: number): unknown {
    if (typeof value === 'string') return this.#replace(value)
    if (typeof value === 'number') return this.#numbers ? this.#number(value, String(value)) : value
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof UnsafeNumber)
      return this.#numbers ? this.#number(value, value.source) : value
    if (depth > MAX_DEPTH)
      throw new AppError('PAYLOAD_TOO_LARGE', 'the payload is nested too deeply to be searched')
    if (Array.isArray(value))
      return this.#list(value, (inner) => this.#value(inner, mcp, depth + 1))
    const object = value as Record<string, unknown>
    if (!mcp) return this.#members(object, (_member, inner) => this.#value(inner, false, depth + 1))
    const binary = object.type === 'image' || object.type === 'audio'
    return this.#members(object, (member, inner) => {
      if (STRUCTURE.has(member) || (binary && member === 'data')) return inner
      // tool_use input, _meta and the like are anyone's JSON again
      const known = member === 'content' || member === 'resource'
      return this.#value(inner, known, depth + 1)
    })
  }

  #number(value: unknown, digits: string): unknown {
    const after = this.#replace(digits)
    return after === digits ? value : after
  }

  #list(list: readonly unknown[], map: (value: unknown) => unknown): unknown {
    let copy: unknown[] | undefined
    list.forEach((before, index) => {
      const after = map(before)
      if (after === before) return
      copy ??= list.map(shared)
      copy[index] = after
    })
    return copy ?? list
  }

  #members(
    object: Record<string, unknown>,
    map: (member: string, value: unknown) => unknown,
  ): unknown {
    let changed = false
    const copy: [string, unknown][] = []
    for (const member of Object.keys(object)) {
      const before = object[member]
      const after = map(member, before)
      const name = this.#keys ? this.#replace(member) : member
      changed ||= after !== before || name !== member
      copy.push([name, after === before ? shared(before) : after])
    }
    return changed ? fromMembers(copy) : object
  }
}

// what is put into a patch unchanged is still the payload's: the plugin gets it behind a view
function shared(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? new View(value, 'throw').root : value
}

function fromMembers(members: readonly [string, unknown][]): object {
  const object: Record<string, unknown> = {}
  for (const [name, value] of members) {
    let free = name
    // two names may have become one; neither value is lost
    for (let count = 2; Object.hasOwn(object, free); count++) free = `${name} (${count})`
    Object.defineProperty(object, free, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return object
}
