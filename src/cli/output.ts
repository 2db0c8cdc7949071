// What a command says and to whom: people on a terminal, programs elsewhere. Results go to stdout, everything else to stderr.
import { ERRORS, isAppError, messageOf } from '../base/errors.ts'
import { redactText } from '../base/log.ts'
import { formatProblem, type Problem } from '../config/problem.ts'
import { ApiRefusal } from './api/refusal.ts'
import { UsageError } from './exit.ts'
import { plain } from './plain.ts'
import type { Shell } from './shell.ts'
import { createStyle, type Style } from './style.ts'

export interface OutputOptions {
  readonly json?: boolean | undefined
  readonly quiet?: boolean | undefined
  readonly verbose?: boolean | undefined
}

/** A problem at a place, whatever code it has. */
export type Finding = Omit<Problem, 'code'> & { readonly code: string }

export interface Output {
  /** Whether a person reads stdout. */
  readonly human: boolean
  readonly verbose: boolean
  readonly style: Style
  /** For what goes to stderr. */
  readonly aside: Style
  /** What the command was asked for: one JSON line, or the text for people. */
  result(value: object, text: () => string): void
  /** A document such as YAML: the same to people and programs unless JSON was asked for. */
  document(text: string, value: () => object): void
  /** What a person may want to know besides the result. */
  note(text: string): void
  /** As `note`, with --verbose only. */
  detail(text: string): void
  warn(text: string): void
  finding(finding: Finding): void
  fail(error: unknown): void
}

export function createOutput(shell: Shell, options: OutputOptions): Output {
  const { stdout, stderr, env, cwd } = shell
  const { json = false, quiet = false, verbose = false } = options
  const human = !json && stdout.isTTY
  const colour = (stream: Shell['stdout']) =>
    !json && stream.isTTY && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  const style = createStyle(colour(stdout))
  const aside = createStyle(colour(stderr))
  const say = (text: string): void => stderr.write(`${text}\n`)
  const program = (value: object): void => say(JSON.stringify(value))

  return {
    human,
    verbose,
    style,
    aside,
    result(value, text) {
      stdout.write(human ? text() : `${JSON.stringify(value)}\n`)
    },
    document(text, value) {
      stdout.write(json ? `${JSON.stringify(value())}\n` : text)
    },
    note(text) {
      if (!quiet && !json) say(text)
    },
    detail(text) {
      if (verbose && !json) say(text)
    },
    warn(text) {
      if (json) program({ level: 'warning', message: text })
      else if (!quiet) say(`${aside.careful('warning:')} ${text}`)
    },
    finding(finding) {
      if (json) program({ level: 'warning', ...finding })
      else if (!quiet) say(`${aside.careful('warning:')} ${shown(finding, cwd)}`)
    },
    fail(error) {
      if (json) program({ level: 'error', ...described(error) })
      else say(told(error, aside, cwd))
    },
  }
}

/** A fault as a program reads it. */
export function described(error: unknown): Record<string, unknown> {
  if (error instanceof UsageError) return { code: 'USAGE', message: error.message }
  if (error instanceof ApiRefusal) return refusalValue(error)
  if (!isAppError(error)) return { code: 'INTERNAL', message: redactText(messageOf(error)) }
  const { code, message } = error
  const problems = findingsOf(error)
  const { what, next } = ERRORS[code]
  return problems.length > 0
    ? { code, message: what, next, problems }
    : { code, message: redactText(message), next }
}

function told(error: unknown, style: Style, cwd: string): string {
  const head = style.bad('error:')
  if (error instanceof ApiRefusal) return `${head} ${refusalText(error, style)}`
  if (error instanceof UsageError) return `${head} ${error.message}`
  if (!isAppError(error)) return `${head} ${redactText(messageOf(error))}`
  const { what, next } = ERRORS[error.code]
  const problems = findingsOf(error)
  if (problems.length === 0)
    return `${head} ${redactText(error.message)} ${style.faint(`[${error.code}]`)}\n  ${next}`
  const lines = problems.map((problem) => `  ${shown(problem, cwd)}`)
  return `${head} ${what} ${style.faint(`[${error.code}]`)}\n${lines.join('\n')}\n  ${next}`
}

/** What a gateway refused, as whoever sent it reads it. */
export function refusalText({ message, refusal }: ApiRefusal, style: Style): string {
  const { code, errors, next } = refusal
  // the first one stands in the message already
  const places = errors.length > 1 ? errors.map(({ at, detail }) => `  ${at}: ${detail}`) : []
  const lines = [...places, `  ${next}`].map((line) => redactText(plain(line)))
  return [`${redactText(plain(message))} ${style.faint(`[${plain(code)}]`)}`, ...lines].join('\n')
}

/** The same for programs. */
export function refusalValue({ message, refusal }: ApiRefusal): Record<string, unknown> {
  const { code, next, requestId, errors, violation } = refusal
  return {
    code,
    message: redactText(message),
    next,
    ...(requestId === undefined ? {} : { requestId }),
    ...(errors.length > 0 ? { errors } : {}),
    ...(violation ? { violation } : {}),
  }
}

/** Every place a configuration or plugin fault is about. */
export function findingsOf(error: unknown): readonly Finding[] {
  if (!isAppError(error)) return []
  const { problems } = (error.data ?? {}) as { problems?: readonly Finding[] }
  return problems ?? []
}

function shown(finding: Finding, cwd: string): string {
  return formatProblem(finding as Problem, { cwd })
}
