// CEL programs: parsed, checked and planned once at load, evaluated in bounded time on plain JSON; it does not know who asks.
import type { CelEnv, CelInput, CelResult, CelValue, parse, plan } from '@bufbuild/cel'
import { AppError, messageOf } from '../base/errors.ts'
import { Budget } from './cel-budget.ts'
import { CheckError, type Checked, check, named, plain, type Tree } from './cel-check.ts'
import { functionsFor } from './cel-functions.ts'
import { guardLoops } from './cel-guard.ts'
import { celLibrary } from './cel-library.ts'
import { Patterns } from './cel-pattern.ts'
import { celToJson, variableToCel } from './cel-value.ts'
import type { CelType, CelVariables } from './variables.ts'

export interface CelProgram {
  readonly source: string
  /** What the result is known to be at load: `bool`, `string`, ..., or `dyn`. */
  readonly type: string
  /** The variables it uses; the others need not be built. */
  readonly reads: ReadonlySet<string>
  /** The result as JSON. Throws AppError PLUGIN_CONDITION_FAILED or NUMBER_UNSAFE. */
  evaluate(variables: Readonly<Record<string, unknown>>): unknown
  /** The same; a result that is no bool is an error too. */
  evaluateBoolean(variables: Readonly<Record<string, unknown>>): boolean
}

export interface CelLimits {
  readonly maxLength: number
  /** Loop turns, comparisons and 256-character pieces of text that one evaluation may take. */
  readonly maxSteps: number
}

export interface CelCompiler {
  /** Throws AppError CONFIG_INVALID that names line and column in the expression. */
  compile(source: string, variables: CelVariables, expects?: 'bool'): CelProgram
}

export function createCelCompiler(limits: CelLimits): CelCompiler {
  // one budget serves all programs: an evaluation is synchronous and never starts another
  const budget = new Budget()
  const patterns = new Patterns()
  let env: CelEnv | undefined
  return {
    compile(source, variables, expects) {
      env ??= celLibrary().celEnv({ funcs: functionsFor(budget, patterns) })
      const { tree, checked, positions } = read(source, variables, env, patterns, limits)
      if (expects && checked.kind !== expects && checked.kind !== 'dyn') {
        throw invalid(
          source,
          0,
          `the result must be ${named(expects)}, this is ${named(checked.kind)}`,
        )
      }
      guardLoops(tree)
      const run = celLibrary().plan(env, tree)
      return new Program(source, checked, variables, run, positions, budget, limits.maxSteps)
    },
  }
}

type Positions = Readonly<Record<string, number>>
interface Read {
  readonly tree: Tree
  readonly checked: Checked
  readonly positions: Positions
}

function read(
  source: string,
  variables: CelVariables,
  env: CelEnv,
  patterns: Patterns,
  limits: CelLimits,
): Read {
  if (source.length > limits.maxLength) {
    throw new AppError(
      'CONFIG_INVALID',
      `the expression has ${source.length} characters, more than ${limits.maxLength}`,
    )
  }
  const { expr: tree, sourceInfo } = parseText(source)
  const positions = sourceInfo?.positions ?? {}
  try {
    return { tree, checked: check(tree, variables, env.funcs, patterns), positions }
  } catch (error) {
    if (!(error instanceof CheckError)) throw error
    throw invalid(source, positions[error.node.toString()] ?? 0, error.message)
  }
}

// the parser descends once per level of nesting; brackets are counted first so that it cannot run out of stack
const MAX_BRACKETS = 100

function parseText(source: string): ReturnType<typeof parse> {
  let open = 0
  for (let index = 0; index < source.length; index++) {
    const character = source[index] as string
    if ('([{'.includes(character) && ++open > MAX_BRACKETS)
      throw invalid(source, index, 'it is nested too deeply')
    if (')]}'.includes(character)) open--
  }
  try {
    return celLibrary().parse(source)
  } catch (error) {
    const at = (error as { location?: { start?: { offset?: number } } }).location?.start?.offset
    if (at === undefined) throw invalid(source, 0, messageOf(error))
    const found = source.slice(at).match(/^\s*(\w+|.)/s)?.[1]
    throw invalid(source, at, found === undefined ? 'it ends too early' : `unexpected ${found}`)
  }
}

/** An object without a prototype that keeps its shape: one by Object.create(null) is a hash table, and twice as dear. */
class Bound {
  [name: string]: CelInput

  static {
    Object.setPrototypeOf(Bound.prototype, null)
    Reflect.deleteProperty(Bound.prototype, 'constructor')
  }
}

class Program implements CelProgram {
  readonly source: string
  readonly type: string
  readonly reads: ReadonlySet<string>
  readonly #reads: readonly (readonly [name: string, type: CelType])[]
  readonly #run: ReturnType<typeof plan>
  readonly #positions: Positions
  readonly #budget: Budget
  readonly #maxSteps: number

  constructor(
    source: string,
    checked: Checked,
    variables: CelVariables,
    run: ReturnType<typeof plan>,
    positions: Positions,
    budget: Budget,
    maxSteps: number,
  ) {
    this.source = source
    this.type = plain(checked.kind)
    this.reads = checked.reads
    this.#reads = [...checked.reads].map((name) => [name, variables[name] ?? 'dyn'])
    this.#run = run
    this.#positions = positions
    this.#budget = budget
    this.#maxSteps = maxSteps
  }

  evaluate(variables: Readonly<Record<string, unknown>>): unknown {
    const result = this.#evaluate(variables)
    try {
      return celToJson(result, this.#budget)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  evaluateBoolean(variables: Readonly<Record<string, unknown>>): boolean {
    const result = this.#evaluate(variables)
    if (typeof result === 'boolean') return result
    throw new AppError('PLUGIN_CONDITION_FAILED', 'the result of the expression is no bool')
  }

  #evaluate(variables: Readonly<Record<string, unknown>>): CelValue {
    const budget = this.#budget
    budget.begin(this.#maxSteps)
    let result: CelResult
    try {
      result = this.#run(this.#bind(variables))
    } catch (error) {
      throw this.#failed(error)
    }
    if (celLibrary().isCelError(result)) throw this.#failed(result)
    if (budget.exceeded) budget.spend(0)
    return result
  }

  #bind(variables: Readonly<Record<string, unknown>>): Record<string, CelInput> {
    const bound = new Bound()
    for (const [name, type] of this.#reads) bound[name] = variableToCel(variables[name], type)
    return bound
  }

  #failed(error: unknown): AppError {
    const known = appErrorIn(error)
    if (known) return known
    const node = (error as { exprId?: bigint } | null)?.exprId
    const at = node === undefined ? undefined : this.#positions[node.toString()]
    const where = at === undefined ? '' : ` at ${place(this.source, at).text}`
    return new AppError(
      'PLUGIN_CONDITION_FAILED',
      `the expression failed${where}: ${this.#reason(messageOf(error))}`,
    )
  }

  // a message of the library may quote the payload; what names only types, or words of the expression itself, may pass
  #reason(message: string): string {
    const field = /^field not found: (.*)$/s.exec(message)?.[1]
    if (field !== undefined)
      return this.source.includes(field) ? `there is no field ${field}` : 'a field is missing'
    if (/^found no matching overload for '[^']*' applied to '[\w.,() ]*'$/.test(message))
      return message
    if (
      /^(type mismatch|int divide|uint divide|index -?\d+ out of bounds|the text is no)/.test(
        message,
      )
    )
      return message
    return 'a value is not what it must be'
  }
}

function appErrorIn(error: unknown): AppError | undefined {
  for (let depth = 0, inner = error; depth < 8; depth++) {
    if (inner instanceof AppError) return inner
    if (Array.isArray(inner)) return inner.map(appErrorIn).find((found) => found !== undefined)
    if (!(inner instanceof Error)) return undefined
    inner = inner.cause
  }
  return undefined
}

function invalid(source: string, offset: number, reason: string): AppError {
  const { line, column, text } = place(source, offset)
  return new AppError('CONFIG_INVALID', `the expression is not valid at ${text}: ${reason}`, {
    data: { line, column },
  })
}

function place(source: string, offset: number): { line: number; column: number; text: string } {
  const start = offset + (/^\s*/.exec(source.slice(offset))?.[0].length ?? 0)
  const before = source.slice(0, start).split('\n')
  const line = before.length
  const column = (before.at(-1)?.length ?? 0) + 1
  return { line, column, text: `${line}:${column}` }
}
