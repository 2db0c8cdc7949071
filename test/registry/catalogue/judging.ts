// The gate of the catalogue on the real engine, with one entry that is a function, and time in the test's hands.
import type { JsonObject } from '../../../src/base/json.ts'
import { RequestContext, type ServerInfo, SYSTEM } from '../../../src/engine/context.ts'
import { createEngine } from '../../../src/engine/engine.ts'
import type { Registration } from '../../../src/engine/registry.ts'
import { conditionCompiler, createExpression } from '../../../src/expression/expression.ts'
import type { Admitted } from '../../../src/gateway/catalog/gate.ts'
import { POINTS, type PointName, type Points } from '../../../src/points/table.ts'
import { createCatalogueGate, type Override } from '../../../src/registry/catalogue/gate.ts'
import { type ListedKind, pointsOf } from '../../../src/registry/catalogue/kinds.ts'
import { createKnownCatalogue, type KnownCatalogue } from '../../../src/registry/catalogue/known.ts'
import { type CatalogueMemory, NO_MEMORY } from '../../../src/registry/catalogue/memory.ts'
import { LIMITS, ManualClock } from '../../engine/support.ts'
import { memoryLog } from '../../gateway/running.ts'

export interface Asked {
  readonly point: PointName
  readonly id: string
  readonly definition: JsonObject | undefined
  readonly previous: JsonObject | undefined
  readonly outcome: string | undefined
  readonly reason: string | undefined
}

type Handler = (asked: Asked) => unknown

export interface Listing {
  readonly server?: string
  readonly kind?: ListedKind
  readonly era?: 'legacy' | 'modern'
  readonly eras?: readonly ('legacy' | 'modern')[]
}

export interface Bench {
  readonly clock: ManualClock
  readonly log: ReturnType<typeof memoryLog>
  readonly known: KnownCatalogue
  /** All that any gate of the bench asked, in order; `_pre_` points only. */
  readonly asked: Asked[]
  readonly told: Asked[]
  /** A generation whose one entry is this function; equal digests judge alike. */
  gate(handler: Handler, digest?: string, more?: Partial<Registration>): Gate
}

export interface Gate {
  admit(definitions: readonly JsonObject[], listing?: Listing): Promise<Admitted>
  judges(kind: ListedKind): boolean
}

export const info = (name: string): ServerInfo => ({
  name,
  tags: [],
  environment: undefined,
  tenant: undefined,
})

const KINDS = ['tools', 'prompts', 'resources', 'templates'] as const
const KEY = { tools: 'name', prompts: 'name', resources: 'uri', templates: 'uriTemplate' } as const

export function createBench({
  memory = NO_MEMORY,
  override,
  points = [...new Set(KINDS.flatMap(pointsOf))],
}: {
  memory?: CatalogueMemory
  override?: Override
  points?: readonly PointName[]
} = {}): Bench {
  const clock = new ManualClock()
  const log = memoryLog()
  const known = createKnownCatalogue(memory)
  const asked: Asked[] = []
  const told: Asked[] = []
  const engine = createEngine<Points>(POINTS, {
    clock,
    expression: conditionCompiler(createExpression()),
    sink: { verdict() {}, fault() {}, dispatched() {}, observerDropped() {} },
    defer: (run) => run(),
    writes: 'throw',
  })
  return {
    clock,
    log,
    known,
    asked,
    told,
    gate(handler, digest = 'one', more = {}) {
      const registrations = points.map(
        (point, order): Registration => ({
          entry: 'judge',
          plugin: 'judge',
          point,
          mode: 'enforce',
          priority: 100,
          order,
          timeout: 60_000,
          onError: 'fail',
          digest,
          handler: (payload: never) => {
            const seen = askedOf(point, payload)
            ;(point.includes('_pre_') ? asked : told).push(seen)
            return point.includes('_pre_') ? handler(seen) : undefined
          },
          ...more,
        }),
      )
      const generation = engine.generation(registrations, LIMITS)
      const gate = createCatalogueGate({
        generation,
        known,
        override,
        requestFor: () => requestOf(generation.id),
        hold: () => () => {},
        clock,
        log,
      })
      if (!gate) throw new Error('nobody is bound')
      return {
        judges: gate.judges,
        admit: (definitions, { server = 's', kind = 'tools', era = 'legacy', eras = [era] } = {}) =>
          gate.admit({
            server: info(server),
            kind,
            era,
            eras,
            items: definitions.map((definition) => ({
              name: String(definition[KEY[kind]]),
              definition,
            })),
          }),
      }
    },
  }
}

interface Payload {
  readonly id: string
  readonly entity?: { readonly definition: JsonObject }
  readonly previous?: { readonly definition: JsonObject }
  readonly outcome?: string
  readonly reason?: string
}

function askedOf(point: PointName, payload: Payload): Asked {
  const { id, entity, previous, outcome, reason } = payload
  return {
    point,
    id,
    definition: entity && JSON.parse(JSON.stringify(entity.definition)),
    previous: previous && JSON.parse(JSON.stringify(previous.definition)),
    outcome,
    reason,
  }
}

export const requestOf = (generation: number): RequestContext =>
  new RequestContext({
    requestId: 'sync',
    trace: undefined,
    era: 'modern',
    surface: 'system',
    method: 'catalogue/sync',
    principal: SYSTEM,
    client: undefined,
    session: undefined,
    generation,
  })

/** `point id`, in order. */
export const lines = (asked: readonly Asked[]): string[] =>
  asked.map(({ point, id }) => `${point} ${id}`)

export const namesOf = ({ items }: Admitted): string[] => items.map(({ name }) => name)
