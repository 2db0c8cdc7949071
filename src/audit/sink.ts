// Where audit records go: the interface of a destination, and the log as one; files are next door.
import type { Logger } from '../base/log.ts'
import type { AuditKind, AuditRecord } from './record.ts'

export interface AuditSink {
  readonly name: string
  /** Acquires what it writes to. Rejects when that cannot be had, so that a start fails early. */
  start(): Promise<void>
  /** Takes or drops the record at once: never waits. */
  write(record: AuditRecord): void
  /** Resolves when what was taken is where it belongs, or the time for it is over. */
  flush(): Promise<void>
  /** Flushes and releases. Idempotent. */
  close(): Promise<void>
  /** Records taken but lost. */
  readonly dropped: number
  /** False while records cannot be written: shown at /readyz. */
  readonly healthy: boolean
}

// what an operator should see although nobody asked
const LOUD: ReadonlySet<AuditKind> = new Set([
  'fault',
  'failed_open',
  'load_refused',
  'reload_refused',
  'break_glass',
  'alert',
  'gap',
  'permission',
  'login_failed',
])

/** Structured lines through the logger, which owns their buffering. */
export function createLogSink(log: Logger): AuditSink {
  return {
    name: 'log',
    write(record) {
      const { time: _time, ...fields } = record
      if (LOUD.has(record.kind)) log.warn({ audit: fields }, `audit ${record.kind}`)
      else log.info({ audit: fields }, `audit ${record.kind}`)
    },
    start: async () => {},
    flush: async () => {},
    close: async () => {},
    dropped: 0,
    healthy: true,
  }
}
