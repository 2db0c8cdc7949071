// What is wrong with a configuration and where; it formats problems, it does not look for them.
import { relative } from 'node:path'
import { AppError, type ErrorCode } from '../base/errors.ts'

/** Where a value stands. `line` and `column` count from 1; line 0 means the place has no lines (a flag, a variable, an object). */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export type Path = readonly (string | number)[]

export type ProblemCode = Extract<
  ErrorCode,
  'CONFIG_INVALID' | 'CONFIG_NOT_BUILT' | 'CONFIG_UNSAFE_FILE' | 'CONFIG_NOT_FOUND'
>

export interface Problem extends Place {
  readonly code: ProblemCode
  /** The place in the configuration, `servers[0].name`; empty for the whole file. */
  readonly path: string
  readonly message: string
  /** What the writer probably meant. */
  readonly suggestion?: string
}

/** More than this many problems of one load are not listed: the first ones are what a person mends. */
export const MAX_PROBLEMS = 100

export function createProblem(
  place: Place,
  path: Path,
  message: string,
  options: { code?: ProblemCode; suggestion?: string | undefined } = {},
): Problem {
  const { file, line, column } = place
  const problem = {
    code: options.code ?? 'CONFIG_INVALID',
    file,
    line,
    column,
    path: formatPath(path),
    message,
  }
  return options.suggestion === undefined ? problem : { ...problem, suggestion: options.suggestion }
}

/** `servers[0].pool.max`; a member that is no plain word is quoted. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[A-Za-z_][\w-]*$/.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** `file:line:column: message (did you mean ...?)`; files below `cwd` are shown relative to it. */
export function formatProblem(problem: Problem, options: { cwd?: string } = {}): string {
  const meant = problem.suggestion === undefined ? '' : ` (did you mean ${problem.suggestion}?)`
  const place = formatPlace(problem, options)
  return `${place}${place === '' ? '' : ': '}${problem.message}${meant}`
}

export function formatPlace(place: Place, options: { cwd?: string } = {}): string {
  const { file, line, column } = place
  const near = options.cwd === undefined ? file : relative(options.cwd, file)
  const shown = near === '' || near.startsWith('..') || line === 0 ? file : near
  return line === 0 ? shown : `${shown}:${line}:${column}`
}

/**
 * The fault a load ends with: its code is that of the problems, if they agree, and `CONFIG_INVALID` otherwise. `read` is
 * what was read before, so that a watcher also notices when a file that is new and wrong is mended.
 */
export function configError(
  problems: readonly Problem[],
  read: { files?: readonly string[]; folders?: readonly string[] } = {},
): AppError {
  const sorted = sortProblems(problems)
  const codes = new Set(sorted.map((problem) => problem.code))
  const [only] = codes
  const code = codes.size === 1 && only !== undefined ? only : 'CONFIG_INVALID'
  const shown = sorted.slice(0, MAX_PROBLEMS)
  const lines = shown.map((problem) => formatProblem(problem))
  if (sorted.length > shown.length) lines.push(`and ${sorted.length - shown.length} more`)
  return new AppError(code, lines.join('\n'), { data: { ...read, problems: shown } })
}

/** The problems a configuration fault carries; empty for any other value. */
export function problemsOf(error: unknown): readonly Problem[] {
  if (!(error instanceof AppError) || !error.code.startsWith('CONFIG_')) return []
  return (error.data?.problems as readonly Problem[] | undefined) ?? []
}

/** A reader mends a file from top to bottom; files keep the order in which they were read. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.map((problem) => problem.file))]
  return [...problems].sort(
    (a, b) =>
      files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  )
}
