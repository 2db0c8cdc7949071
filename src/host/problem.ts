// What is wrong with a plugin or its use, and where it stands; the same shape as the problems of a configuration.
import { AppError, type ErrorCode, isAppError } from '../base/errors.ts'
import type { Path, Place, Problem } from '../config/problem.ts'

export type { Path, Place } from '../config/problem.ts'

/** Where the value at a path of the configuration stands; undefined when it was not read from a file. */
export type Locate = (path: Path) => Place | undefined

/** A `Problem` whose code may also be one of the plugin codes. */
export interface LoadProblem extends Omit<Problem, 'code'> {
  readonly code: ErrorCode
}

const NOWHERE: Place = { file: '', line: 0, column: 0 }

export function loadProblem(
  code: ErrorCode,
  place: Place | undefined,
  path: Path,
  message: string,
  suggestion?: string,
): LoadProblem {
  const { file, line, column } = place ?? NOWHERE
  const problem = { code, file, line, column, path: pathText(path), message }
  return suggestion === undefined ? problem : { ...problem, suggestion }
}

/** `plugins.entries[0].config.words`. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[A-Za-z_][\w-]*$/.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** One fault for all that is wrong; its code is that of the problems if they agree. They are in `data.problems`. */
export function problemsError(problems: readonly LoadProblem[]): AppError {
  const codes = new Set(problems.map((problem) => problem.code))
  const [only] = codes
  const code = codes.size === 1 && only !== undefined ? only : 'CONFIG_INVALID'
  return new AppError(code, problems.map(problemText).join('\n'), { data: { problems } })
}

/** The problems a fault of this room carries; empty for any other value. */
export function loadProblemsOf(error: unknown): readonly LoadProblem[] {
  return isAppError(error) ? ((error.data?.problems as LoadProblem[] | undefined) ?? []) : []
}

export function problemText({
  file,
  line,
  column,
  path,
  message,
  suggestion,
}: LoadProblem): string {
  const place = line === 0 ? path : `${file}:${line}:${column}`
  const meant = suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`
  return `${place}${place === '' ? '' : ': '}${message}${meant}`
}
