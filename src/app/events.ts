// What servers and plugins report, sorted into telemetry, audit, log and the fan-out to clients.
import type { Audit } from '../audit/audit.ts'
import type { Logger } from '../base/log.ts'
import type { Engine } from '../engine/engine.ts'
import type { Room } from '../gateway/exchange.ts'
import type { Fanout } from '../gateway/notification/fanout.ts'
import type { Points } from '../points/table.ts'
import type { Telemetry, UpstreamOutcome } from '../telemetry/telemetry.ts'
import type { CallOutcome, UpstreamEvents } from '../upstream/client.ts'
import type { Assembly } from './assemble.ts'

export interface EventDeps {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly log: Logger
  /** Undefined while the first servers are being started: nobody listens yet. */
  readonly fanout: () => Fanout | undefined
}

const CALL_OUTCOME: Readonly<Record<CallOutcome, UpstreamOutcome>> = {
  ok: 'ok',
  error: 'error',
  unavailable: 'unavailable',
  timeout: 'timeout',
  aborted: 'cancelled',
  protocol: 'error',
}

export function upstreamEvents({ telemetry, audit, log, fanout }: EventDeps): UpstreamEvents {
  return {
    notification: (upstream, { era }, message) => fanout()?.notification(upstream, era, message),
    request: (upstream, _link, message) =>
      log.debug(
        { server: upstream.name, method: message.method },
        'a server asked on a connection that belongs to no client; refused',
      ),
    state(upstream) {
      const { state, error, eras } = upstream.status
      const fields = { server: upstream.name, state, eras, ...(error ? { reason: error } : {}) }
      if (state === 'failed') log.warn(fields, 'a server is down')
      else log.info(fields, `a server is ${state}`)
      audit.write({
        kind: 'server',
        server: upstream.name,
        outcome: state,
        ...(error ? { reason: error } : {}),
      })
      if (state === 'ready') fanout()?.changed(upstream.name)
    },
    stderr: (upstream, line) => log.info({ server: upstream.name, line }, 'stderr'),
    call: (upstream, method, ms, outcome) =>
      telemetry.upstreamCall(upstream.name, method)(CALL_OUTCOME[outcome], ms),
    // a new session at the server: what it offered may be another
    renewed: (upstream) => fanout()?.changed(upstream.name),
    restart: (upstream) => telemetry.upstreamRestarted(upstream.name),
  }
}

/** What others count, read when somebody scrapes. */
export function observeRuntime(
  telemetry: Telemetry,
  engine: Engine<Points>,
  { sessions, streams }: Pick<Room, 'sessions' | 'streams'>,
  audit: Audit,
  current: () => Assembly | undefined,
): void {
  telemetry.steps(() => engine.stats)
  telemetry.observe('portcullis_sessions', () => [[[], sessions.size]])
  telemetry.observe('portcullis_streams', () => [[[], streams.size]])
  telemetry.observe('portcullis_generation', () => [[[], current()?.runtime.generation.id ?? 0]])
  telemetry.observe('portcullis_audit_dropped_total', () =>
    audit.sinks.map((sink) => [[sink.name], sink.dropped] as const),
  )
  telemetry.observe('portcullis_upstream_up', () =>
    [...(current()?.servers ?? [])].map(
      ([name, { upstream }]) => [[name], upstream.status.state === 'ready' ? 1 : 0] as const,
    ),
  )
}
