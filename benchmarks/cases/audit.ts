// What one audit record per request costs the event loop (P21), through the report that every finished request goes to.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { createReport, type Report } from '../../src/app/report/report.ts'
import { type Audit, createAudit } from '../../src/audit/audit.ts'
import { createFileSink } from '../../src/audit/file-sink.ts'
import { createRedactor } from '../../src/audit/redact.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { createStoreSink } from '../../src/audit/store-sink.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import type { BenchmarkCase, Trial } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { request, SCOPE } from './engine.ts'

/** As many requests as one turn of a busy loop brings. */
const TURN = 32
const ENTRIES = Array.from({ length: 10 }, (_, index) => `policy-${index}`)

/** Where records go and how they are found again. */
interface Destination {
  readonly sink: AuditSink
  /** How many records are there for somebody else to read. */
  found(): number
  end(): void
}

const NONE = 'no audit'
const DURABLE = { store: 'store, until durable', file: 'file, until durable' } as const

export async function openAudit(): Promise<BenchmarkCase> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-audit-'))
  const destinations = {
    store: toStore(join(folder, 'audit.db')),
    file: toFile(join(folder, 'audit.jsonl')),
    [DURABLE.store]: toStore(join(folder, 'durable.db')),
    [DURABLE.file]: toFile(join(folder, 'durable.jsonl')),
  }
  const audits: Audit[] = []
  const opened = async (name: keyof typeof destinations, make: typeof recorded): Promise<Trial> => {
    const destination = destinations[name]
    const audit = createAudit({
      sinks: [destination.sink],
      clock: systemClock,
      log: silentLogger,
      redact: createRedactor(),
    })
    audits.push(audit)
    await audit.start()
    return make(name, audit, destination)
  }
  return {
    name: 'audit',
    title: 'Audit',
    unit: 'ns of CPU of the event loop per request',
    notes: [
      `One record per finished request that names the ${ENTRIES.length} entries that passed at two points, ${TURN} requests in one turn of the loop, and the flush of all of them; without a record the request is only counted and timed.`,
      'CPU of the thread that runs the event loop, and of the whole process beside it: writing is done by other threads.',
      'After each cell every record is looked for where it should be. The last variants wait for one record at a time until another reader finds it, and give elapsed time.',
    ],
    variants: [
      onLoop(NONE, reported(undefined)),
      await opened('store', recorded),
      await opened('file', recorded),
      await opened(DURABLE.store, durable),
      await opened(DURABLE.file, durable),
    ],
    claims: [
      { id: 'P21', what: 'one request in the store', variant: 'store', reference: NONE, measure: 'difference', unit: ' ns', must: 5000, stretch: 3000 },
      { id: 'P21 process', what: 'the same, all threads', variant: 'store', reference: NONE, measure: 'difference', of: 'whole', unit: ' ns' },
      { id: 'P21 durable', what: 'until a record can be read in the store', variant: DURABLE.store, measure: 'value', per: 1e6, unit: ' ms', must: 250 },
      { id: 'P21 file', what: 'one request in a file', variant: 'file', reference: NONE, measure: 'difference', unit: ' ns' },
      { id: 'P21 file durable', what: 'until a record can be read in a file', variant: DURABLE.file, measure: 'value', per: 1e6, unit: ' ms', must: 250 },
    ],
    rounds: (quick) => (quick ? 7 : 11),
    async close() {
      for (const audit of audits) await audit.close()
      for (const { end } of Object.values(destinations)) end()
      rmSync(folder, { recursive: true, force: true })
    },
  } // biome-ignore format: a table
}

function toFile(path: string): Destination {
  let lines = 0
  let read = 0
  return {
    sink: createFileSink({ path, clock: systemClock, log: silentLogger, id: 'bench' }),
    found() {
      const size = statSync(path).size
      if (size > read) {
        const text = readFileSync(path)
        for (let at = text.indexOf(10, read); at !== -1; at = text.indexOf(10, at + 1)) {
          lines++
          read = at + 1
        }
      }
      return withoutBeginning(lines)
    },
    end() {},
  }
}

/** The first record of a chain is the writer's own. */
const withoutBeginning = (records: number): number => Math.max(0, records - 1)

/** Read on a connection of its own, as another process would. */
function toStore(path: string): Destination {
  let reader: DatabaseSync | undefined
  return {
    sink: createStoreSink({
      table: createAuditTable({ path, clock: systemClock, log: silentLogger }),
      clock: systemClock,
      log: silentLogger,
    }),
    found() {
      reader ??= new DatabaseSync(path, { readOnly: true })
      const counted = reader.prepare('SELECT count(*) AS rows FROM audit_records').get()
      return withoutBeginning(Number(counted?.rows))
    },
    end: () => reader?.close(),
  }
}

/** The report as app.ts makes it; without an audit, what it does for metrics alone. */
function reported(audit: Audit | undefined): () => void {
  const telemetry = createTelemetry()
  let ids = 0
  const now = systemClock.now
  if (audit === undefined)
    return () => {
      const { identity } = finished(++ids)
      telemetry.request(identity.method, identity.era)('ok', now() - now())
    }
  const report: Report = createReport({
    telemetry,
    audit,
    log: silentLogger,
    current: () => undefined,
    now,
    createId: () => '',
  })
  return () => {
    const context = finished(++ids)
    report.finished(
      { identity: context.identity, request: context, startedAt: now() } as never,
      'ok',
      undefined,
    )
  }
}

const PASSES = ['tool_pre_invoke', 'tool_post_invoke'].map((point) =>
  Object.freeze({ point, entries: ENTRIES }),
)
const CLIENT = { name: 'bench', version: '1.0.0' }

function finished(id: number) {
  const context = request({ requestId: `bench-${id}`, client: CLIENT })
  context.server = SCOPE.server
  context.target = 'read_file'
  context.passes = [...PASSES]
  return context
}

/** Requests in turns of the loop, and what settles them; what comes after that is not counted. */
function onLoop(
  name: string,
  one: () => void,
  settle = async () => {},
  check: (times: number) => void = () => {},
): Trial {
  return {
    name,
    async trial(quick) {
      const times = quick ? 5_000 : 10_000
      const before = { loop: loopCpu(), process: cpuTime() }
      for (let done = 0; done < times; done += TURN) {
        for (let i = done; i < Math.min(times, done + TURN); i++) one()
        await new Promise(setImmediate)
      }
      await settle()
      const cost = (loopCpu() - before.loop) / times
      const whole = (cpuTime() - before.process) / times
      check(times)
      return { times, cost, seen: { whole }, others: 0 }
    },
  }
}

/** Nanoseconds of this thread, up to date to a tick of 4 ms: enough for a cell of many. */
function loopCpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

function recorded(name: string, audit: Audit, { found }: Destination): Trial {
  let written = 0
  return onLoop(
    name,
    reported(audit),
    () => audit.flush(),
    (times) => {
      written += times
      const there = found()
      if (there !== written || audit.dropped > 0)
        throw new Error(
          `${name}: ${there} of ${written} records are there, ${audit.dropped} dropped`,
        )
    },
  )
}

/** Few waits are enough: each takes as long as the sink lets a record wait for others. */
const WAITS = 2

function durable(name: string, audit: Audit, { found }: Destination): Trial {
  const one = reported(audit)
  let written = 0
  return {
    name,
    async trial() {
      const begun = process.hrtime.bigint()
      for (let i = 0; i < WAITS; i++) {
        one()
        written++
        while (found() < written) await sleep(1)
      }
      const cost = Number(process.hrtime.bigint() - begun) / WAITS
      return { times: WAITS, cost, seen: {}, others: 0 }
    },
  }
}
