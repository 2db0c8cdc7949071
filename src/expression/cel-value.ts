// JSON as CEL sees it and back: wrapped as it is reached, never copied whole; nobody reads an UnsafeNumber through it.
import type { CelMap, CelValue } from '@bufbuild/cel'
import { AppError } from '../base/errors.ts'
import { UnsafeNumber } from '../base/json.ts'
import type { Budget } from './cel-budget.ts'
import { celLibrary } from './cel-library.ts'
import type { CelType } from './variables.ts'

/** The value of a variable; what is absent has the default of its type. */
export function variableToCel(value: unknown, type: CelType): CelValue {
  const absent = value === undefined || value === null
  if (typeof type === 'object') {
    return asMap(new RecordView(absent ? NOTHING : (value as object), type.fields))
  }
  switch (type) {
    case 'bool':
      return absent ? false : toCel(value)
    case 'number':
      return absent ? 0 : toCel(value)
    case 'string':
      return absent ? '' : toCel(value)
    case 'list':
      return absent ? celLibrary().celList([]) : toCel(value instanceof Set ? [...value] : value)
    case 'map':
      return absent ? asMap(new ObjectView(NOTHING)) : toCel(value)
    case 'dyn':
      return absent ? null : toCel(value)
    default:
      return type satisfies never
  }
}

function asMap(view: ObjectView): CelMap {
  return view as unknown as CelMap
}

const NOTHING: object = Object.freeze(Object.create(null))

function toCel(value: unknown): CelValue {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return value
    case 'object':
      if (value === null) return null
      if (Array.isArray(value)) return celLibrary().celList(value.map(elementToCel))
      if (value instanceof UnsafeNumber) throw unsafe()
      return asMap(new ObjectView(value))
    default:
      throw new AppError('PLUGIN_CONDITION_FAILED', `a ${typeof value} is no value of JSON`)
  }
}

// a hole in an array is how JSON.stringify writes it: null
function elementToCel(value: unknown): CelValue {
  return value === undefined ? null : toCel(value)
}

function unsafe(): AppError {
  return new AppError('NUMBER_UNSAFE', 'an expression read an integer beyond 2^53')
}

// how the library tells its maps; its own wrapper takes a member whose value is null for absent and reads to know
const MAP_BRAND = Symbol.for('@bufbuild/cel/map')

/** A JSON object as a CEL map: own members only, each converted when it is asked for. */
class ObjectView {
  readonly #object: Readonly<Record<string, unknown>>

  constructor(object: object) {
    this.#object = object as Record<string, unknown>
  }

  get [MAP_BRAND](): true {
    return true
  }

  get size(): number {
    return this.#names().length
  }

  has(name: unknown): boolean {
    return this.#owns(name) && this.#object[name] !== undefined
  }

  get(name: unknown): CelValue | undefined {
    if (!this.#owns(name)) return undefined
    const value = this.#object[name]
    return value === undefined ? undefined : toCel(value)
  }

  forEach(visit: (value: CelValue, name: string, map: unknown) => void): void {
    for (const [name, value] of this.entries()) visit(value, name, this)
  }

  *entries(): MapIterator<[string, CelValue]> {
    for (const name of this.#names()) yield [name, toCel(this.#object[name])]
  }

  keys(): MapIterator<string> {
    return this.#names().values()
  }

  *values(): MapIterator<CelValue> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): MapIterator<[string, CelValue]> {
    return this.entries()
  }

  // a key of another type than string is never a member of a JSON object
  #owns(name: unknown): name is string {
    return typeof name === 'string' && Object.hasOwn(this.#object, name)
  }

  #names(): string[] {
    return Object.keys(this.#object).filter((name) => this.#object[name] !== undefined)
  }
}

/** A closed record: a declared field always has a value. `has(x.f)` still tells whether it was given. */
class RecordView extends ObjectView {
  readonly #given: Readonly<Record<string, unknown>>
  readonly #fields: Readonly<Record<string, CelType>>

  constructor(given: object, fields: Readonly<Record<string, CelType>>) {
    super(given)
    this.#given = given as Record<string, unknown>
    this.#fields = fields
  }

  override has(name: unknown): boolean {
    return this.#declares(name) && this.#given[name] != null
  }

  override get(name: unknown): CelValue | undefined {
    if (!this.#declares(name)) return undefined
    return variableToCel(this.#given[name], this.#fields[name] ?? 'dyn')
  }

  #declares(name: unknown): name is string {
    return typeof name === 'string' && Object.hasOwn(this.#fields, name)
  }
}

/** A result as JSON. Throws where JSON has no such value. */
export function celToJson(value: CelValue, budget: Budget): unknown {
  budget.spend(1)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw noJson('a number that is not finite')
    case 'bigint':
      return integer(value)
    default:
      break
  }
  if (value === null) return null
  const { isCelList, isCelMap, isCelUint } = celLibrary()
  if (isCelUint(value)) return integer(value.value)
  if (isCelList(value)) return Array.from(value, (item) => celToJson(item, budget))
  if (!isCelMap(value)) throw noJson('a value of this type; use string(...)')
  const object: Record<string, unknown> = {}
  for (const [key, item] of value) {
    if (typeof key !== 'string') throw noJson('a map with keys that are no strings')
    // by definition, not assignment: a member called __proto__ stays a member
    Object.defineProperty(object, key, {
      value: celToJson(item, budget),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return object
}

function integer(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw noJson('an integer beyond 2^53')
}

function noJson(what: string): AppError {
  return new AppError('PLUGIN_CONDITION_FAILED', `the result holds ${what}, which is no JSON`)
}
