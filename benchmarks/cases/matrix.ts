// Numbers of plugins by size and connections: reported, without limits, to see where a cost grows.
import type { BenchmarkCase } from '../case.ts'
import { REFERENCES, type StartTarget } from '../references/table.ts'
import { openFleet, type Row } from './fleet.ts'
import {
  FIFTY,
  FIFTY_ASYNC,
  IN_EXPRESS,
  ONE,
  ONE_ASYNC,
  TEN_ASYNC,
  WITHOUT_PLUGINS,
} from './gateways.ts'

const SERVERS: readonly (readonly [string, StartTarget])[] = [
  ['raw pipe', REFERENCES['raw pipe']],
  ['0 plugins', WITHOUT_PLUGINS],
  ['1 sync', ONE],
  ['10 sync', IN_EXPRESS],
  ['50 sync', FIFTY],
  ['1 async', ONE_ASYNC],
  ['10 async', TEN_ASYNC],
  ['50 async', FIFTY_ASYNC],
]
const SIZES = [
  ['200 B', { tool: 'echo', payload: 'small' }],
  ['64 KB', { tool: 'big', payload: 'large' }],
] as const

// one process per size: a warm-up with large messages changes what a small one costs
const again = new Map<string, StartTarget>()
function startFor(size: string, server: string, start: StartTarget): StartTarget {
  const key = `${size} ${server}`
  const own = again.get(key) ?? ((upstream: string) => start(upstream))
  again.set(key, own)
  return own
}

const rows: readonly Row[] = SIZES.flatMap(([size, call]) =>
  [1, 32, 128].flatMap((connections) =>
    SERVERS.map(([server, start]) => ({
      name: `${server}, ${size}, c=${connections}`,
      start: startFor(size, server, start),
      connections,
      ...call,
    })),
  ),
)

export async function openMatrix(): Promise<BenchmarkCase> {
  // cells of a second: there are 48 of them in a round
  const fleet = await openFleet(rows, true)
  return {
    name: 'matrix',
    title: 'Plugins, sizes, connections',
    unit: 'us of CPU per request',
    curve: { along: 'variants' },
    shown: ['throughput', 'p50', 'saturation'],
    notes: [
      'The gateway in Express; sync and async plugins at pre and post. c is the number of connections in a closed loop.',
      ...fleet.notes,
    ],
    claims: [],
    rounds: (quick) => (quick ? 1 : 3),
    ...fleet.parts,
  }
}
