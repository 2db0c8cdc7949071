// The compiler of conditions and rules, as app.ts hands it to engine and host: patterns, RE2, globs, CEL.
import { type CelProgram, createCelCompiler } from './cel.ts'
import {
  compileAnyOf,
  compileGlob,
  compilePattern,
  type GlobOptions,
  isExact,
  type Matcher,
} from './pattern.ts'
import { compileRegex, type Regex } from './regex.ts'
import { type CelVariables, CONDITION_VARIABLES } from './variables.ts'

export type { CelProgram } from './cel.ts'
export type { GlobOptions, Matcher } from './pattern.ts'
export type { Regex, RegexMatch } from './regex.ts'
export { type CelType, type CelVariables, CONDITION_VARIABLES } from './variables.ts'

/** Everything here is compiled at load and throws AppError CONFIG_INVALID with the reason. */
export interface Expression {
  /** A condition text: exact, with `*` a glob, between slashes an RE2 expression that may match anywhere. */
  pattern(text: string, options?: Partial<GlobOptions>): Matcher
  /** One matcher for a list, OR-ed. */
  anyOf(texts: readonly string[], options?: Partial<GlobOptions>): Matcher
  isExact(text: string): boolean
  regex(source: string, flags?: string): Regex
  glob(text: string, options?: Partial<GlobOptions>): Matcher
  /** `variables` defaults to those of a condition; `expects: 'bool'` refuses what is known to be something else. */
  cel(source: string, variables?: CelVariables, expects?: 'bool'): CelProgram
}

export interface ExpressionOptions {
  /** Characters of one expression. */
  readonly maxLength?: number
  /** Steps of one evaluation; 100,000 take about a tenth of a second. */
  readonly maxSteps?: number
}

export function createExpression(options: ExpressionOptions = {}): Expression {
  const maxLength = options.maxLength ?? 4096
  const compiler = createCelCompiler({ maxLength, maxSteps: options.maxSteps ?? 100_000 })
  const paths = (given?: Partial<GlobOptions>): GlobOptions => ({ path: given?.path ?? false })
  return {
    pattern: (text, given) => compilePattern(text, paths(given)),
    anyOf: (texts, given) => compileAnyOf(texts, paths(given)),
    isExact,
    regex: (source, flags) => compileRegex(source, flags, maxLength),
    glob: (text, given) => compileGlob(text, paths(given)),
    cel: (source, variables = CONDITION_VARIABLES, expects) =>
      compiler.compile(source, variables, expects),
  }
}

/** What the engine compiles conditions with: the same expressions, whose CEL must come out as a bool. */
export function conditionCompiler(expression: Expression): {
  anyOf: Expression['anyOf']
  cel: (source: string) => CelProgram
} {
  return {
    anyOf: (texts, options) => expression.anyOf(texts, options),
    cel: (source) => expression.cel(source, undefined, 'bool'),
  }
}
