// What one entry costs at each of its points: its handlers in the real engine, timed beside an engine with nothing to do. No server is asked.
import type { JsonObject } from '../../base/json.ts'
import { ANONYMOUS, RequestContext, type RequestIdentity } from '../../engine/context.ts'
import type { Runner } from '../../engine/engine.ts'
import { MODES } from '../../engine/mode.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { Registration } from '../../engine/registry.ts'
import { declarationOf, type PointName } from '../../points/table.ts'
import type { Inspection } from './inspect.ts'
import { samplePayload } from './sample.ts'

export interface BenchOptions {
  /** Members over those of the sample, at the points that have them. */
  readonly payload?: JsonObject | undefined
  readonly point?: string | undefined
  /** Milliseconds of one cell. */
  readonly cell?: number
}

/** Nanoseconds of one dispatch: the median, and the 95 % interval of that median. */
export interface Cost {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface HookCost {
  readonly point: string
  /** How dispatches of this payload end: `pass`, or what the plugin makes of it. */
  readonly outcome: string
  /** A dispatch with one entry that does nothing. */
  readonly idle: Cost
  readonly alone: Cost
  /** The same handler ten times. */
  readonly ten: Cost
}

export interface EntryBench {
  readonly entry: string
  readonly plugin: string
  readonly hooks: readonly HookCost[]
  /** Points that were not measured, and why. */
  readonly skipped: readonly { readonly point: string; readonly reason: string }[]
}

/** An entry of this name, or the first of the plugin with this id; undefined when there is none. */
export function findEntry(inspection: Inspection, name: string): string | undefined {
  const loaded = inspection.entries.filter(({ state }) => state === 'loaded')
  return (
    loaded.find((entry) => entry.name === name) ?? loaded.find(({ plugin }) => plugin === name)
  )?.name
}

/** Throws a TypeError that says what is wrong with the options. */
export async function benchEntry(
  inspection: Inspection,
  entry: string,
  { payload = {}, point, cell = CELL }: BenchOptions = {},
): Promise<EntryBench> {
  const registered = inspection.registrations.filter((one) => one.entry === entry)
  const wanted = registered.filter((one) => point === undefined || one.point === point)
  if (wanted.length === 0)
    throw new TypeError(
      `${entry} runs at ${registered.map((one) => one.point).join(', ')}, not at ${point}`,
    )
  const hooks: HookCost[] = []
  const skipped: EntryBench['skipped'][number][] = []
  for (const registration of wanted) {
    const reason = registration.external ? 'it reaches the outside' : undefined
    if (reason === undefined) hooks.push(await benchHook(inspection, registration, payload, cell))
    else skipped.push({ point: registration.point, reason })
  }
  return { entry, plugin: registered[0]?.plugin ?? '', hooks, skipped }
}

async function benchHook(
  inspection: Inspection,
  registration: Registration,
  given: JsonObject,
  cell: number,
): Promise<HookCost> {
  const point = registration.point as PointName
  const payload = payloadOf(point, given)
  const one = bare(registration)
  const subject = (some: Registration, count: number): Subject => {
    const runner = inspection.compile(copies(some, count)).runner(point)
    return new Subject(runner as unknown as Runner<object, unknown>, payload, point)
  }
  const alone = subject(one, 1)
  const all = [subject({ ...one, handler: () => undefined }, 1), alone, subject(one, 10)]
  for (const each of all) await each.calibrate(cell)
  for (let round = 0; round < ROUNDS; round++) for (const each of all) await each.cell()
  const [idle, single, ten] = all.map(({ costs }) => costOf(costs)) as [Cost, Cost, Cost]
  return { point, outcome: alone.outcome, idle, alone: single, ten }
}

// what decides whether it runs is left out, and an observer is run where it is waited for
function bare(registration: Registration): Registration {
  const {
    conditions: _conditions,
    when: _when,
    before: _before,
    after: _after,
    ...rest
  } = registration
  const { phase } = MODES[rest.mode]
  return phase === 'observe' ? { ...rest, mode: 'enforce' } : rest
}

function copies(registration: Registration, count: number): Registration[] {
  return Array.from({ length: count }, (_, order) => ({
    ...registration,
    entry: order === 0 ? registration.entry : `${registration.entry} (${order + 1})`,
    order,
  }))
}

function payloadOf(point: PointName, given: JsonObject): object {
  const { payload: shape } = declarationOf(point)
  const { properties = {} } = shape.schema as { properties?: object }
  const known = Object.entries(given).filter(([member]) => Object.hasOwn(properties, member))
  const payload = { ...samplePayload(point), ...Object.fromEntries(known) }
  if (!shape.is(payload))
    throw new TypeError(`the payload does not have the shape of ${point}; see docs/hooks.md`)
  return payload
}

function wordOf(outcome: Outcome<object>): string {
  if (outcome.kind === 'deny') return `deny ${outcome.violation.code}`
  if (outcome.kind === 'fault') return `fault ${outcome.fault.code}`
  return outcome.changed ? `${outcome.kind}, changed` : outcome.kind
}

const ROUNDS = 15
const CELL = 15

/** A runner that is timed, with a payload, and how its dispatches end. */
class Subject {
  readonly costs: number[] = []
  readonly #runner: Runner<object, unknown>
  readonly #payload: object
  readonly #identity: RequestIdentity
  #first: Outcome<object> | undefined
  #last: Outcome<object> | undefined
  #times = 1

  constructor(runner: Runner<object, unknown>, payload: object, point: PointName) {
    this.#runner = runner
    this.#payload = payload
    this.#identity = { ...IDENTITY, method: declarationOf(point).methods?.[0] ?? point }
  }

  /** A limit or a switch may make the last one end otherwise than the first. */
  get outcome(): string {
    const [first, last] = [this.#first, this.#last].map((end) => (end ? wordOf(end) : ''))
    return first === last ? `${first}` : `${first}, later ${last}`
  }

  /** Finds how many dispatches take as long as a cell, once the compiler has seen them. */
  async calibrate(ms: number): Promise<void> {
    for (;;) {
      // one run alone may have waited for its core
      const spent = Math.min(await this.#run(), await this.#run())
      if (spent >= ms) {
        this.#times = Math.max(1, Math.round((this.#times * ms) / spent))
        return
      }
      this.#times *= 2
    }
  }

  async cell(): Promise<void> {
    this.costs.push(((await this.#run()) / this.#times) * 1e6)
  }

  /** Milliseconds; each dispatch has a request of its own. */
  async #run(): Promise<number> {
    const start = performance.now()
    for (let i = 0; i < this.#times; i++) {
      const pending = this.#runner.dispatch(this.#payload, new RequestContext(this.#identity))
      this.#last = pending instanceof Promise ? await pending : pending
      this.#first ??= this.#last
    }
    return performance.now() - start
  }
}

const IDENTITY: RequestIdentity = {
  requestId: 'bench',
  trace: undefined,
  era: 'modern',
  surface: 'cli',
  method: '',
  principal: ANONYMOUS,
  client: { name: 'bench', version: '' },
  session: undefined,
  generation: 1,
}

/** Of sorted values, the fourth from each end bounds the median of fifteen with 96 %, whatever their distribution. */
function costOf(cells: readonly number[]): Cost {
  const sorted = cells.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  return { median: at(ROUNDS >> 1), low: at(3), high: at(ROUNDS - 4) }
}
