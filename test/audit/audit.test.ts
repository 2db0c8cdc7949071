// The audit as the rooms use it: stamped, redacted, to every sink, and never anybody's trouble.
import { describe, expect, it } from 'vitest'
import { createAudit } from '../../src/audit/audit.ts'
import type { AuditEvent, AuditRecord } from '../../src/audit/record.ts'
import { createRedactor } from '../../src/audit/redact.ts'
import { type AuditSink, createLogSink } from '../../src/audit/sink.ts'
import type { Clock } from '../../src/base/clock.ts'
import { type Logger, silentLogger } from '../../src/base/log.ts'

const clock: Clock = {
  now: () => 0,
  wall: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  after: () => () => {},
}

class MemorySink implements AuditSink {
  readonly name = 'memory'
  readonly dropped = 0
  readonly healthy: boolean = true
  readonly records: AuditRecord[] = []
  closed = 0
  async start(): Promise<void> {}
  write(record: AuditRecord): void {
    this.records.push(record)
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {
    this.closed++
  }
}

class BrokenSink extends MemorySink {
  override write(): void {
    throw new Error('broken')
  }
  override async close(): Promise<void> {
    throw new Error('broken')
  }
}

function lines(): { log: Logger; seen: [level: string, fields: object, message: string][] } {
  const seen: [string, object, string][] = []
  const at = (level: string) => (fields: object, message: string) =>
    void seen.push([level, fields, message])
  const log: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  }
  return { log, seen }
}

const refusal: AuditEvent = {
  kind: 'refusal',
  requestId: 'r1',
  point: 'tool_pre_invoke',
  entry: 'no-drops',
  plugin: 'rules',
  code: 'DROP',
  reason: 'no',
}

describe('a record', () => {
  it('bears the time, a number of its own, and what was reported', () => {
    const sink = new MemorySink()
    const audit = createAudit({ sinks: [sink], clock, log: silentLogger, redact: createRedactor() })
    audit.write(refusal)
    audit.write({ kind: 'lifecycle', reason: undefined })
    expect(sink.records).toEqual([
      { time: Date.UTC(2026, 0, 2, 3, 4, 5, 6), seq: 1, ...refusal },
      { time: Date.UTC(2026, 0, 2, 3, 4, 5, 6), seq: 2, kind: 'lifecycle' },
    ])
  })

  it('keeps the entries that passed, folded in', () => {
    const passes = [{ point: 'tool_pre_invoke', entries: ['a', 'b'] }]
    expect(
      createRedactor()({ kind: 'execution', passes, durationMs: 1.5, effective: true }, 0, 1),
    ).toEqual({ time: 0, seq: 1, kind: 'execution', passes, durationMs: 1.5, effective: true })
  })
})

describe('redaction', () => {
  const redactor = createRedactor({ members: ['ssn', 'Account-Number'] })
  const redact = (event: AuditEvent) => redactor(event, 0, 1)
  const details = (value: unknown) => redact({ kind: 'refusal', details: value }).details

  it('hides secrets, payload bodies and the members the operator named', () => {
    expect(details({ token: 'a', Api_Key: 'b', arguments: { x: 1 }, content: [1], SSN: '1', deep: [{ account_number: 5 }], ok: true })).toEqual({
      token: '[redacted]', Api_Key: '[redacted]', arguments: '[body]', content: '[body]', SSN: '[redacted]', deep: [{ account_number: '[redacted]' }], ok: true,
    }) // biome-ignore format: side by side
  })

  it('hides credentials inside texts', () => {
    const record = redact({
      kind: 'fault',
      reason: 'GET https://u:pw@h/?token=abc failed: Bearer abcdef',
      target: 'https://u:pw@h/',
    })
    expect(JSON.stringify(record)).not.toMatch(/pw|abc/)
  })

  it('bounds what a plugin may add', () => {
    expect(details({ text: Array.from({ length: 90 }, () => 'x'.repeat(100)) })).toMatch(
      /^\[\d+ characters\]$/,
    )
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    expect(JSON.stringify(details(cycle))).toContain('[deep]')
    expect((redact({ kind: 'fault', reason: 'x'.repeat(5000) }).reason ?? '').length).toBeLessThan(
      2010,
    )
  })

  it('survives details that break when they are read', () => {
    expect(
      details({
        get x() {
          throw new Error('no')
        },
      }),
    ).toBe('[unreadable]')
    expect(
      details(
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('no')
            },
          },
        ),
      ),
    ).toBe('[unreadable]')
    expect(details({ n: 10n, f: () => {}, s: Symbol('s'), d: new Date(0) })).toBeDefined()
  })

  it('leaves nothing in a record that cannot be written as JSON', () => {
    expect(() => JSON.stringify(redact({ kind: 'fault', details: { n: 10n } }))).not.toThrow()
  })
})

describe('a sink that fails', () => {
  it('harms neither the caller nor the other sinks, and is loud once', () => {
    const { log, seen } = lines()
    const sink = new MemorySink()
    const audit = createAudit({
      sinks: [new BrokenSink(), sink],
      clock,
      log,
      redact: createRedactor(),
    })
    expect(audit.healthy).toBe(true)
    audit.write(refusal)
    audit.write(refusal)
    expect([sink.records.length, audit.healthy, audit.dropped]).toEqual([2, false, 2])
    expect(seen).toEqual([
      ['error', { sink: 'memory', reason: 'broken' }, 'an audit record was lost'],
    ])
  })

  it('at close does not keep the others from closing', async () => {
    const { log, seen } = lines()
    const sink = new MemorySink()
    await createAudit({
      sinks: [new BrokenSink(), sink],
      clock,
      log,
      redact: createRedactor(),
    }).close()
    expect([sink.closed, seen.length]).toEqual([1, 1])
  })
})

describe('the log as a sink', () => {
  it('is louder about what an operator must see', () => {
    const { log, seen } = lines()
    const audit = createAudit({ sinks: [createLogSink(log)], clock, log, redact: createRedactor() })
    audit.write(refusal)
    audit.write({ kind: 'failed_open', entry: 'x' })
    expect(seen).toEqual([
      ['info', { audit: { seq: 1, ...refusal } }, 'audit refusal'],
      ['warn', { audit: { seq: 2, kind: 'failed_open', entry: 'x' } }, 'audit failed_open'],
    ])
  })
})

describe('records of the control plane', () => {
  it('keep who wrote what, to which version, and texts without credentials', () => {
    const event: AuditEvent = {
      kind: 'write',
      action: 'update',
      entity: { kind: 'server', id: 'https://u:pw@h/', tenant: 'acme', version: 3, revision: 17 },
      changed: ['url'],
      allowed: ['servers:write'],
      outcome: 'written',
    }
    expect(JSON.parse(JSON.stringify(createRedactor()(event, 0, 1)))).toEqual({
      time: 0,
      seq: 1,
      ...event,
      entity: { ...event.entity, id: 'https://u:[redacted]@h/' },
    })
  })

  it('are loud in the log where somebody tried what they may not', () => {
    const { log, seen } = lines()
    const audit = createAudit({ sinks: [createLogSink(log)], clock, log, redact: createRedactor() })
    for (const kind of ['write', 'login', 'login_failed', 'decision', 'permission'] as const)
      audit.write({ kind })
    expect(seen.map(([level, , message]) => [level, message])).toEqual([
      ['info', 'audit write'],
      ['info', 'audit login'],
      ['warn', 'audit login_failed'],
      ['info', 'audit decision'],
      ['warn', 'audit permission'],
    ])
  })
})
