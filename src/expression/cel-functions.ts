// The functions of expressions: CEL's own, metered, with strict conversions and numbers that mix; it evaluates nothing itself.
import type { CelFunc, CelList, CelValue } from '@bufbuild/cel'
import type { Budget } from './cel-budget.ts'
import { celLibrary } from './cel-library.ts'
import type { Patterns } from './cel-pattern.ts'

/** Names no expression can spell; the guard writes them into the tree. */
export const TICK = '@tick'
export const FRESH_LIST = '@list'
export const APPEND = '@append'

// of the string extensions only those that are linear in the text whatever the arguments
const EXTENSIONS: ReadonlySet<string> = new Set(['lowerAscii', 'upperAscii', 'trim', 'substring'])

/** Everything callable, in the order of precedence: a later overload replaces an earlier one of the same signature. */
export function functionsFor(budget: Budget, patterns: Patterns): CelFunc[] {
  const { celMethod, CelScalar } = celLibrary()
  const { BOOL, STRING } = CelScalar
  return [
    ...meteredText(budget),
    ...mixedArithmetic(),
    ...conversions(),
    ...collections(budget),
    ...loops(budget),
    celMethod('matches', STRING, [STRING], BOOL, function (source) {
      return patterns.matches(this, source, budget)
    }),
    celMethod('contains', STRING, [STRING], BOOL, function (part) {
      budget.spendOnText(this.length + part.length)
      return includes(this, part)
    }),
  ]
}

// whatever looks at text pays for its length; the rest of the library's overloads run in constant time
function meteredText(budget: Budget): CelFunc[] {
  const { celEnv, strings } = celLibrary()
  const metered: CelFunc[] = []
  for (const source of [celEnv().funcs, strings.filter((func) => EXTENSIONS.has(func.name))]) {
    for (const func of source) {
      const parts = func.target ? [func.target, ...func.arguments] : func.arguments
      if (!parts.some((type) => type.name === 'string' || type.name === 'bytes')) continue
      metered.push(meter(func, budget))
    }
  }
  return metered
}

function meter(func: CelFunc, budget: Budget): CelFunc {
  const { celFunc, celMethod, isCelError } = celLibrary()
  const run = (target: CelValue | undefined, args: CelValue[]): CelValue => {
    for (const value of target === undefined ? args : [target, ...args]) {
      if (typeof value === 'string' || value instanceof Uint8Array) budget.spendOnText(value.length)
    }
    const result = func.call(0, target, args)
    if (result === undefined || isCelError(result)) throw result ?? new Error('no overload')
    return result
  }
  if (!func.target) {
    return celFunc(func.name, func.arguments, func.result, (...args) => run(undefined, args))
  }
  return celMethod(func.name, func.target, func.arguments, func.result, function (...args) {
    return run(this, args)
  })
}

// JSON has one kind of number and CEL two: without these `payload.arguments.count + 1` would be an error
function mixedArithmetic(): CelFunc[] {
  const { celFunc, CelScalar } = celLibrary()
  const { DOUBLE, INT } = CelScalar
  const operators: readonly [string, (a: number, b: number) => number][] = [
    ['_+_', (a, b) => a + b],
    ['_-_', (a, b) => a - b],
    ['_*_', (a, b) => a * b],
    ['_/_', (a, b) => a / b],
  ]
  return operators.flatMap(([name, calculate]) => [
    celFunc(name, [DOUBLE, INT], DOUBLE, (a, b) => calculate(a, Number(b))),
    celFunc(name, [INT, DOUBLE], DOUBLE, (a, b) => calculate(Number(a), b)),
  ])
}

// JavaScript reads "" as 0 and "abc" as NaN, and a comparison with NaN is false: a guard would not see the call
function conversions(): CelFunc[] {
  const { celFunc, CelScalar, celUint } = celLibrary()
  const { DOUBLE, INT, STRING, UINT } = CelScalar
  const toInteger = (text: string): bigint => {
    if (!/^[+-]?[0-9]{1,20}$/.test(text)) throw new Error('the text is no integer')
    return BigInt(text.startsWith('+') ? text.slice(1) : text)
  }
  const within = (value: bigint, least: bigint, most: bigint): bigint => {
    if (value < least || value > most) throw new Error('the integer is too large')
    return value
  }
  return [
    celFunc('int', [STRING], INT, (text) => within(toInteger(text), -(2n ** 63n), 2n ** 63n - 1n)),
    celFunc('uint', [STRING], UINT, (text) => celUint(within(toInteger(text), 0n, 2n ** 64n - 1n))),
    celFunc('double', [STRING], DOUBLE, (text) => {
      if (
        !/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text) ||
        text.length > 64
      ) {
        throw new Error('the text is no number')
      }
      return Number(text)
    }),
  ]
}

function collections(budget: Budget): CelFunc[] {
  const { celFunc, celList, celMethod, CelScalar, listType } = celLibrary()
  const { BOOL, DYN, INT, STRING } = CelScalar
  const list = listType(DYN)
  const equal = (a: CelValue, b: CelValue): boolean => equals(a, b, budget)
  const size = (text: string): bigint => {
    budget.spendOnText(text.length)
    return BigInt(codePoints(text))
  }
  return [
    celFunc('_==_', [DYN, DYN], BOOL, equal),
    celFunc('_!=_', [DYN, DYN], BOOL, (a, b) => !equal(a, b)),
    celFunc('@in', [DYN, list], BOOL, (value, items) => {
      for (const item of items) if (equal(item, value)) return true
      return false
    }),
    celFunc('_+_', [list, list], list, (a, b) => {
      budget.spend(a.size + b.size)
      return celList([...a, ...b])
    }),
    celFunc('size', [STRING], INT, size),
    celMethod('size', STRING, [], INT, function () {
      return size(this)
    }),
  ]
}

// the accumulator of map() and filter() is nobody else's, so it may grow in place: linear where `acc + [x]` is quadratic
function loops(budget: Budget): CelFunc[] {
  const { celFunc, celList, CelScalar, listType } = celLibrary()
  const { BOOL, DYN } = CelScalar
  const list = listType(DYN)
  const growing = new WeakMap<CelList, CelValue[]>()
  return [
    celFunc(TICK, [BOOL], BOOL, (go) => {
      budget.spend(1)
      return go
    }),
    celFunc(FRESH_LIST, [], list, () => {
      const items: CelValue[] = []
      const fresh = celList(items)
      growing.set(fresh, items)
      return fresh
    }),
    celFunc(APPEND, [list, DYN], list, (grown, item) => {
      growing.get(grown)?.push(item)
      return grown
    }),
  ]
}

/** CEL equality of what JSON can hold: numbers across types, NaN unequal to itself, different types unequal. */
function equals(a: CelValue, b: CelValue, budget: Budget): boolean {
  const { isCelList, isCelMap, isCelUint } = celLibrary()
  budget.spend(1)
  const left = isCelUint(a) ? a.value : a
  const right = isCelUint(b) ? b.value : b
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    if (typeof left === 'string' && typeof right === 'string') budget.spendOnText(left.length)
    // biome-ignore lint/suspicious/noDoubleEquals: an int and a double of the same value are equal in CEL
    return isNumber(left) && isNumber(right) ? left == right : left === right
  }
  if (isCelList(left) && isCelList(right)) {
    if (left.size !== right.size) return false
    const others = right[Symbol.iterator]()
    for (const item of left) {
      if (!equals(item, others.next().value as CelValue, budget)) return false
    }
    return true
  }
  if (isCelMap(left) && isCelMap(right)) {
    if (left.size !== right.size) return false
    for (const [key, item] of left) {
      const other = right.get(key)
      if (other === undefined || !equals(item, other, budget)) return false
    }
    return true
  }
  // bytes, timestamps, durations, types: the library's own
  const result = celLibrary().celEnv().funcs.find('_==_')?.call(0, undefined, [left, right])
  return result === true
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/**
 * `String.includes`, but linear: V8's search took 16 s for a needle of 200 kB in a text of 500 kB. Short needles and short
 * texts take V8's; the others Knuth, Morris and Pratt's.
 */
export function includes(text: string, part: string): boolean {
  if (part.length < 32 || text.length * part.length < 1e7) return text.includes(part)
  const fallback = new Int32Array(part.length)
  for (let index = 1, matched = 0; index < part.length; index++) {
    while (matched > 0 && part[index] !== part[matched]) matched = fallback[matched - 1] ?? 0
    if (part[index] === part[matched]) matched++
    fallback[index] = matched
  }
  for (let index = 0, matched = 0; index < text.length; index++) {
    while (matched > 0 && text[index] !== part[matched]) matched = fallback[matched - 1] ?? 0
    if (text[index] === part[matched]) matched++
    if (matched === part.length) return true
  }
  return false
}
