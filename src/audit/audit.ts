// The audit: stamps and redacts what rooms report and hands it to every sink; it never throws into them and never waits.
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { AuditEvent, AuditRecord } from './record.ts'
import type { Redactor } from './redact.ts'
import type { AuditSink } from './sink.ts'

export interface Audit {
  /** Opens the sinks. Rejects when one cannot be opened. */
  start(): Promise<void>
  write(event: AuditEvent): void
  flush(): Promise<void>
  /** Flushes and closes the sinks. Idempotent. */
  close(): Promise<void>
  /** Records lost by any sink. */
  readonly dropped: number
  /** False while a sink cannot write: shown at /readyz. */
  readonly healthy: boolean
  readonly sinks: readonly AuditSink[]
}

export interface AuditOptions {
  readonly sinks: readonly AuditSink[]
  readonly clock: Clock
  readonly log: Logger
  readonly redact: Redactor
}

export function createAudit(options: AuditOptions): Audit {
  const { sinks, clock, log, redact } = options
  let seq = 0
  let failed = 0
  let healthy = true

  function deliver(sink: AuditSink, record: AuditRecord): void {
    try {
      sink.write(record)
    } catch (error) {
      fault(error, sink.name)
    }
  }

  // a sink that throws is a mistake of ours: loud once, counted always
  function fault(error: unknown, sink: string): void {
    failed++
    if (healthy) log.error({ sink, reason: messageOf(error) }, 'an audit record was lost')
    healthy = false
  }

  return {
    sinks,
    start: async () => {
      for (const sink of sinks) await sink.start()
    },
    write(event) {
      let record: AuditRecord
      try {
        record = redact(event, clock.wall(), ++seq)
      } catch (error) {
        fault(error, 'all')
        return
      }
      for (const sink of sinks) deliver(sink, record)
    },
    flush: () => settle(sinks, (sink) => sink.flush(), log),
    close: () => settle(sinks, (sink) => sink.close(), log),
    get dropped() {
      return sinks.reduce((sum, sink) => sum + sink.dropped, failed)
    },
    get healthy() {
      return healthy && sinks.every((sink) => sink.healthy)
    },
  }
}

// one sink that fails does not keep the others from their turn
async function settle(
  sinks: readonly AuditSink[],
  act: (sink: AuditSink) => Promise<void>,
  log: Logger,
): Promise<void> {
  const results = await Promise.allSettled(sinks.map(act))
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') {
      log.error(
        { sink: sinks[index]?.name, reason: messageOf(result.reason) },
        'an audit sink failed',
      )
    }
  }
}
