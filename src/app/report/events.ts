// What servers and plugins report, sorted into telemetry, audit, log and the fan-out to clients.
import type { Audit } from '../../audit/audit.ts'
import type { Logger } from '../../base/log.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Room } from '../../gateway/exchange.ts'
import type { Fanout } from '../../gateway/notification/fanout.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Payload, Points } from '../../points/table.ts'
import type { Telemetry, UpstreamOutcome } from '../../telemetry/telemetry.ts'
import type { CallOutcome, Upstream, UpstreamEvents, UpstreamState } from '../../upstream/client.ts'
import type { Attestation } from '../attestation/attestation.ts'
import type { Assembly } from '../generation/assemble.ts'
import { systemRequest } from '../generation/reload.ts'

export interface EventDeps {
  readonly telemetry: Telemetry
  readonly audit: Audit
  readonly log: Logger
  /** Undefined while the first servers are being started: nobody listens yet. */
  readonly fanout: () => Fanout | undefined
  /** Undefined likewise: transitions are kept until somebody can be told. */
  readonly current: () => Runtime | undefined
  readonly createId: () => string
  /** Is told what makes an attestation old. */
  readonly attestation: Pick<Attestation, 'keyChanged' | 'restarted'>
}

export interface ServerEvents extends UpstreamEvents {
  /** Tells the plugins what happened while there were none. */
  flush(): void
}

/** Transitions that wait for the first generation. */
const MOST_WAITING = 10_000

const CALL_OUTCOME: Readonly<Record<CallOutcome, UpstreamOutcome>> = {
  ok: 'ok',
  error: 'error',
  unavailable: 'unavailable',
  timeout: 'timeout',
  aborted: 'cancelled',
  protocol: 'error',
}

export function upstreamEvents(deps: EventDeps): ServerEvents {
  const { telemetry, audit, log, fanout } = deps
  const transitions = createTransitions(deps)
  return {
    flush: transitions.flush,
    notification: (upstream, { era }, message) => fanout()?.notification(upstream, era, message),
    request: (upstream, _link, message) =>
      log.debug(
        { server: upstream.name, method: message.method },
        'a server asked on a connection that belongs to no client; refused',
      ),
    state(upstream) {
      const { state, eras } = upstream.status
      const error = reasonOf(upstream)
      const fields = { server: upstream.name, state, eras, ...(error ? { reason: error } : {}) }
      if (state === 'failed') log.warn(fields, 'a server is down')
      else log.info(fields, `a server is ${state}`)
      audit.write({
        kind: 'server',
        server: upstream.name,
        outcome: state,
        ...(error ? { reason: error } : {}),
      })
      transitions.note(upstream)
      if (state === 'ready') fanout()?.changed(upstream.name)
      // one that is down may be back in a moment; one that is quarantined offers nothing, though its names stay its own
      else if (upstream.refusal) fanout()?.changed()
    },
    stderr: (upstream, line) => log.info({ server: upstream.name, line }, 'stderr'),
    call: (upstream, method, ms, outcome) =>
      telemetry.upstreamCall(upstream.name, method)(CALL_OUTCOME[outcome], ms),
    // a new session at the server: what it offered may be another
    renewed: (upstream) => fanout()?.changed(upstream.name),
    keyChanged(upstream, spkiSha256) {
      const reason = `it showed the TLS key ${spkiSha256}, which is not the one it was admitted with`
      log.warn({ server: upstream.name, spkiSha256 }, 'a server showed another TLS key; refused')
      audit.write({ kind: 'server', server: upstream.name, outcome: 'key_changed', reason })
      deps.attestation.keyChanged(upstream)
    },
    restart(upstream) {
      telemetry.upstreamRestarted(upstream.name)
      deps.attestation.restarted(upstream)
    },
  }
}

/** Why it is how it is: what was decided about it comes before what happened to it. */
function reasonOf({ refusal, status }: Upstream): string | undefined {
  return refusal?.message ?? status.error
}

/** server_status_changed, on every transition of a server. */
function createTransitions({ current, createId }: EventDeps) {
  const states = new WeakMap<Upstream, UpstreamState>()
  const waiting: (() => void)[] = []
  const tell = (upstream: Upstream, payload: Payload<'server_status_changed'>) => {
    const runtime = current()
    const { info: server } = upstream
    const runner = runtime?.generation.runner('server_status_changed', { server })
    if (!runner) return
    const request = systemRequest(createId(), 'server/status', runtime)
    request.server = server
    void runner.dispatch(payload, request)
  }
  return {
    note(upstream: Upstream): void {
      const { state } = upstream.status
      const error = reasonOf(upstream)
      const from = states.get(upstream) ?? 'stopped'
      // an era that comes or goes is no transition
      if (from === state) return
      states.set(upstream, state)
      const cause = error === undefined ? {} : { cause: error }
      const payload = { server: upstream.name, from, to: state, ...cause }
      if (current()) tell(upstream, payload)
      else if (waiting.length < MOST_WAITING) waiting.push(() => tell(upstream, payload))
    },
    flush(): void {
      for (const late of waiting.splice(0)) late()
    },
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
