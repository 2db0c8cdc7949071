// Audit sinks out of their sections of the configuration.
import { createFileSink } from '../audit/file-sink.ts'
import type { AuditOptions } from '../audit/options.ts'
import { type AuditSink, createLogSink } from '../audit/sink.ts'
import { createStoreSink } from '../audit/store-sink.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { type StoreOptions, sqlitePath } from '../store/options.ts'
import { createAuditTable } from '../store/sqlite-thread.ts'

interface Parts {
  readonly audit: AuditOptions
  readonly store: StoreOptions
}

export function auditSinks(config: Parts, clock: Clock, log: Logger): AuditSink[] {
  return config.audit.sinks.map((sink) => createSink(sink, config.store, clock, log))
}

function createSink(
  { type, path }: AuditOptions['sinks'][number],
  store: StoreOptions,
  clock: Clock,
  log: Logger,
): AuditSink {
  switch (type) {
    case 'log':
      return createLogSink(log)
    case 'file':
      if (path === undefined)
        throw new AppError('CONFIG_INVALID', 'audit.sinks: a sink of type file has no path')
      return createFileSink({ path, clock, log })
    case 'store':
      return createStoreSink({ table: createAuditTable(sqlitePath(store), clock), clock, log })
  }
}
