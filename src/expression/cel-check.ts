// The load-time check of a parsed expression: names, functions, types and depth; it evaluates nothing and changes nothing.
// Over 300 lines because every kind of expression has its row in one switch.
import type { CelFunc, parse } from '@bufbuild/cel'
import { messageOf } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'
import type { Patterns } from './cel-pattern.ts'
import type { CelType, CelVariables } from './variables.ts'

export type Tree = ReturnType<typeof parse>['expr']

/** A kind of value as far as it is known at load: CEL's type name, `dyn`, or a closed record. */
export type Kind = string | { readonly fields: Readonly<Record<string, CelType>> }

/** Thrown with the id of the node; the caller knows where in the text that is. */
export class CheckError extends Error {
  readonly node: bigint

  constructor(node: bigint, message: string) {
    super(message)
    this.node = node
  }
}

export interface Checked {
  readonly kind: Kind
  readonly reads: ReadonlySet<string>
}

export interface Callables {
  find(name: string): Iterable<CelFunc> | undefined
  [Symbol.iterator](): Iterator<CelFunc>
}

const MAX_DEPTH = 40
const OPERATOR = /^[^a-zA-Z]/
const LOGICAL = new Set(['_&&_', '_||_'])
const TYPE_NAMES = new Set([
  'int',
  'uint',
  'double',
  'bool',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
])

/** Throws CheckError. */
export function check(
  tree: Tree,
  variables: CelVariables,
  functions: Callables,
  patterns: Patterns,
): Checked {
  const checker = new Checker(variables, functions, patterns)
  return { kind: checker.visit(tree, NO_LOCALS, 0), reads: checker.reads }
}

type Locals = ReadonlyMap<string, Kind>
const NO_LOCALS: Locals = new Map()

class Checker {
  readonly reads = new Set<string>()
  readonly #variables: CelVariables
  readonly #functions: Callables
  readonly #patterns: Patterns

  constructor(variables: CelVariables, functions: Callables, patterns: Patterns) {
    this.#variables = variables
    this.#functions = functions
    this.#patterns = patterns
  }

  visit(tree: Tree, locals: Locals, depth: number): Kind {
    if (depth > MAX_DEPTH) throw new CheckError(tree.id, `it is nested deeper than ${MAX_DEPTH}`)
    const { exprKind } = tree
    switch (exprKind.case) {
      case 'constExpr':
        return this.#constant(tree.id, exprKind.value.constantKind)
      case 'identExpr':
        return this.#name(tree.id, exprKind.value.name, locals)
      case 'selectExpr':
        return this.#select(tree, exprKind.value, locals, depth)
      case 'callExpr':
        return this.#call(tree.id, exprKind.value, locals, depth)
      case 'listExpr':
        for (const element of exprKind.value.elements) this.visit(element, locals, depth + 1)
        return 'list'
      case 'structExpr':
        return this.#map(tree.id, exprKind.value, locals, depth)
      case 'comprehensionExpr':
        return this.#loop(tree.id, exprKind.value, locals, depth)
      default:
        throw new CheckError(tree.id, 'it is not complete')
    }
  }

  #constant(id: bigint, constant: NodeOf<'constExpr'>['constantKind']): Kind {
    switch (constant.case) {
      case 'boolValue':
        return 'bool'
      case 'stringValue':
        return 'string'
      case 'bytesValue':
        return 'bytes'
      case 'doubleValue':
        return 'double'
      case 'nullValue':
        return 'null_type'
      case 'int64Value':
        if (BigInt.asIntN(64, constant.value) !== constant.value)
          throw new CheckError(id, 'the integer is too large')
        return 'int'
      case 'uint64Value':
        if (BigInt.asUintN(64, constant.value) !== constant.value)
          throw new CheckError(id, 'the integer is too large')
        return 'uint'
      default:
        throw new CheckError(id, 'the literal is of no known type')
    }
  }

  #name(id: bigint, name: string, locals: Locals): Kind {
    const local = locals.get(name)
    if (local !== undefined) return local
    if (Object.hasOwn(this.#variables, name)) {
      this.reads.add(name)
      return kindOf(this.#variables[name] ?? 'dyn')
    }
    if (TYPE_NAMES.has(name)) return 'type'
    throw new CheckError(
      id,
      unknown('variable', name, [...locals.keys(), ...Object.keys(this.#variables)]),
    )
  }

  #select(tree: Tree, select: NodeOf<'selectExpr'>, locals: Locals, depth: number): Kind {
    const operand = this.#child(tree.id, select.operand, locals, depth)
    return this.#field(tree.id, operand, select.field, select.testOnly)
  }

  #field(id: bigint, operand: Kind, field: string, testOnly: boolean): Kind {
    if (typeof operand === 'object') {
      const type = Object.hasOwn(operand.fields, field) ? operand.fields[field] : undefined
      if (type === undefined)
        throw new CheckError(id, unknown('field', field, Object.keys(operand.fields)))
      return testOnly ? 'bool' : kindOf(type)
    }
    if (operand !== 'map' && operand !== 'dyn')
      throw new CheckError(id, `${named(operand)} has no field ${field}`)
    return testOnly ? 'bool' : 'dyn'
  }

  #call(id: bigint, call: NodeOf<'callExpr'>, locals: Locals, depth: number): Kind {
    const { function: name, target, args } = call
    const kinds = args.map((arg) => this.visit(arg, locals, depth + 1))
    const on = target && this.visit(target, locals, depth + 1)
    if (LOGICAL.has(name)) {
      for (const [index, kind] of kinds.entries()) this.#mustBe('bool', kind, args[index]?.id ?? id)
      return 'bool'
    }
    if (name === '_?_:_') {
      this.#mustBe('bool', kinds[0] ?? 'dyn', args[0]?.id ?? id)
      return kinds[1] === kinds[2] ? (kinds[1] ?? 'dyn') : 'dyn'
    }
    if (name === '@not_strictly_false') return 'bool'
    if (name === '_[_]') return this.#index(id, kinds, args[1])
    if (name === '_==_' || name === '_!=_') this.#comparable(id, kinds)
    if (name === 'matches') this.#pattern(args.at(-1))
    return this.#overload(id, name, on, kinds)
  }

  #pattern(tree: Tree | undefined): void {
    const constant = tree?.exprKind.case === 'constExpr' ? tree.exprKind.value.constantKind : null
    if (!tree || constant?.case !== 'stringValue') return
    try {
      this.#patterns.add(constant.value)
    } catch (error) {
      throw new CheckError(tree.id, messageOf(error))
    }
  }

  #index(
    id: bigint,
    [operand = 'dyn', key = 'dyn']: readonly Kind[],
    keyTree: Tree | undefined,
  ): Kind {
    const constant =
      keyTree?.exprKind.case === 'constExpr' ? keyTree.exprKind.value.constantKind : undefined
    if (typeof operand === 'object' && constant?.case === 'stringValue') {
      return this.#field(id, operand, constant.value, false)
    }
    const on = plain(operand)
    if (on === 'dyn' || on === 'map') return 'dyn'
    if (on !== 'list') throw new CheckError(id, `${named(on)} cannot be indexed`)
    if (!['int', 'uint', 'double', 'dyn'].includes(plain(key))) {
      throw new CheckError(id, `a list is indexed by a number, not ${named(key)}`)
    }
    return 'dyn'
  }

  #comparable(id: bigint, [left = 'dyn', right = 'dyn']: readonly Kind[]): void {
    const [a, b] = [plain(left), plain(right)]
    const either = (kind: string): boolean => a === kind || b === kind
    if (a === b || either('dyn') || either('null_type') || (NUMBERS.has(a) && NUMBERS.has(b)))
      return
    throw new CheckError(id, `${named(a)} never equals ${named(b)}`)
  }

  #overload(id: bigint, name: string, on: Kind | undefined, kinds: readonly Kind[]): Kind {
    const overloads = this.#functions.find(name)
    if (!overloads) throw new CheckError(id, unknown('function', name, this.#names()))
    const results = new Set<string>()
    for (const overload of overloads) {
      if (accepts(overload, on, kinds)) results.add(overload.result.name)
    }
    if (results.size > 0) return results.size === 1 ? ([...results][0] ?? 'dyn') : 'dyn'
    const takes = kinds.map(plain).join(', ')
    const shown = OPERATOR.test(name) ? name.replace(/^@/, '').replaceAll('_', ' ').trim() : name
    throw new CheckError(id, `${shown} does not take ${on ? `${plain(on)}.` : ''}(${takes})`)
  }

  #names(): string[] {
    const macros = ['has', 'all', 'exists', 'exists_one', 'map', 'filter']
    return [...macros, ...Array.from(this.#functions, (func) => func.name)]
  }

  #map(id: bigint, struct: NodeOf<'structExpr'>, locals: Locals, depth: number): Kind {
    if (struct.messageName !== '')
      throw new CheckError(id, `there is no message ${struct.messageName}`)
    for (const entry of struct.entries) {
      if (entry.keyKind.case === 'mapKey') this.visit(entry.keyKind.value, locals, depth + 1)
      this.#child(id, entry.value, locals, depth)
    }
    return 'map'
  }

  #loop(id: bigint, loop: NodeOf<'comprehensionExpr'>, locals: Locals, depth: number): Kind {
    const range = plain(this.#child(id, loop.iterRange, locals, depth))
    if (range !== 'list' && range !== 'map' && range !== 'dyn') {
      throw new CheckError(id, `${named(range)} has no elements to go through`)
    }
    const initial = this.#child(id, loop.accuInit, locals, depth)
    const withAccumulator = new Map([...locals, [loop.accuVar, initial]])
    // keys of a map or elements of a list: JSON does not tell their types beforehand
    const inside = new Map([...withAccumulator, [loop.iterVar, 'dyn']])
    this.#child(id, loop.loopCondition, inside, depth)
    this.#child(id, loop.loopStep, inside, depth)
    return this.#child(id, loop.result, withAccumulator, depth)
  }

  #child(id: bigint, tree: Tree | undefined, locals: Locals, depth: number): Kind {
    if (!tree) throw new CheckError(id, 'it is not complete')
    return this.visit(tree, locals, depth + 1)
  }

  #mustBe(wanted: string, kind: Kind, id: bigint): void {
    const given = plain(kind)
    if (given !== wanted && given !== 'dyn')
      throw new CheckError(id, `${named(wanted)} is needed, this is ${named(given)}`)
  }
}

type NodeOf<C extends Tree['exprKind']['case']> = Extract<
  Tree['exprKind'],
  { case: C }
>['value'] & {}

const NUMBERS: ReadonlySet<string> = new Set(['int', 'uint', 'double'])

function kindOf(type: CelType): Kind {
  if (typeof type === 'object') return type
  return type === 'number' ? 'double' : type
}

/** A kind in a message: `an int`, `a list`. */
export function named(kind: Kind): string {
  const name = plain(kind).replace('null_type', 'null')
  return `${/^[aeio]/.test(name) ? 'an' : 'a'} ${name}`
}

export function plain(kind: Kind): string {
  return typeof kind === 'object' ? 'map' : kind
}

function accepts(overload: CelFunc, on: Kind | undefined, kinds: readonly Kind[]): boolean {
  const { target, arguments: parameters } = overload
  if ((target === undefined) !== (on === undefined) || parameters.length !== kinds.length)
    return false
  if (target && on && !fits(plain(on), target.name)) return false
  return parameters.every((parameter, index) => fits(plain(kinds[index] ?? 'dyn'), parameter.name))
}

function fits(given: string, wanted: string): boolean {
  return given === 'dyn' || wanted === 'dyn' || given === wanted
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const near = suggest(name, known)
  return `unknown ${what} ${name}${near ? `; did you mean ${near}` : ''}`
}
