// The log: pino bound to stderr, so that stdout stays free for protocols and for people; nothing leaves unredacted.
import { pino } from 'pino'
import { type Logger, type LogLevel, redact } from '../base/log.ts'

export function createLog(level: LogLevel): Logger {
  const destination = pino.destination({ dest: 2, sync: true })
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
    destination,
  ) as unknown as Logger
}
