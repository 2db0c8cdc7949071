// The log as a person at a terminal reads it: one short line per record; redacted like every other log.

import { isObject } from '../base/json.ts'
import { type Logger, type LogLevel, redact, redactText } from '../base/log.ts'
import { plain } from './plain.ts'
import type { TextStream } from './shell.ts'
import type { Style } from './style.ts'

const RANK: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  fatal: 5,
}

export interface HumanLogOptions {
  readonly stream: TextStream
  readonly style: Style
  /** Asked for each record: the configuration that says it is loaded after the log is made. */
  readonly level: () => LogLevel
}

export function createHumanLog(
  options: HumanLogOptions,
  bindings: Readonly<Record<string, unknown>> = {},
): Logger {
  const { stream, style, level } = options
  const marks = {
    debug: style.faint('debug'),
    info: style.faint('info '),
    warn: style.careful('warn '),
    error: style.bad('error'),
  }
  const write = (severity: keyof typeof marks) => (fields: object, message: string) => {
    if (RANK[severity] < RANK[level()]) return
    const known = redact({ ...bindings, ...fields }) as Record<string, unknown>
    const details = flat(known).map(([name, value]) => style.faint(`${name}=`) + plain(value))
    stream.write(`${[marks[severity], redactText(message), ...details].join(' ')}\n`)
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (more) => createHumanLog(options, { ...bindings, ...more }),
  }
}

// an audit record is one object; its members read better beside each other
function flat(fields: Record<string, unknown>): [string, unknown][] {
  return Object.entries(fields).flatMap(([name, value]): [string, unknown][] =>
    name === 'audit' && isObject(value) ? Object.entries(value) : [[name, value]],
  )
}
