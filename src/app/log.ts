// The log: pino bound to stderr, so that stdout stays free for protocols and for people; nothing leaves unredacted.
import { createRequire } from 'node:module'
import { type Logger, type LogLevel, redact } from '../base/log.ts'

type Method = 'debug' | 'info' | 'warn' | 'error'

/** Costs nothing before its first line: until then pino is not loaded, and a level that is off never loads it. */
export function createLog(level: LogLevel): Logger {
  let opened: Logger | undefined
  return late(level, () => {
    opened ??= openLog(level)
    return opened
  })
}

const RANKS: Readonly<Record<LogLevel, number>> = {
  trace: 0, debug: 1, info: 2, warn: 3, error: 4, fatal: 5,
} // biome-ignore format: a table

function late(level: LogLevel, open: () => Logger): Logger {
  const at = (method: Method) =>
    RANKS[method] < RANKS[level]
      ? () => {}
      : (fields: object, message: string) => open()[method](fields, message)
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child(bindings) {
      let child: Logger | undefined
      return late(level, () => {
        child ??= open().child(bindings)
        return child
      })
    },
  }
}

const require = createRequire(import.meta.url)

function openLog(level: LogLevel): Logger {
  const { pino } = require('pino') as typeof import('pino')
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
    },
    pino.destination({ dest: 2, sync: true }),
  ) as unknown as Logger
}
