// Audit sinks out of their section of the configuration.
import { createFileSink } from '../audit/file-sink.ts'
import { type AuditSink, createLogSink } from '../audit/sink.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { GatewayConfig } from './sections.ts'

export function auditSinks({ audit }: GatewayConfig, clock: Clock, log: Logger): AuditSink[] {
  return audit.sinks.map((sink) => {
    if (sink.type !== 'file') return createLogSink(log)
    if (sink.path === undefined)
      throw new AppError('CONFIG_INVALID', 'audit.sinks: a sink of type file has no path')
    return createFileSink({ path: sink.path, clock, log })
  })
}
