// What it costs to keep a 64 KB payload from being changed in place (P15), beside the copies that others make.
import { View } from '../../src/engine/payload/view.ts'
import type { BenchmarkCase, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'

interface Row {
  readonly id: number
  readonly text: string
}
const rows: Row[] = Array.from({ length: 640 }, (_, id) => ({ id, text: 'x'.repeat(80) }))
const PAYLOAD = { server: 'files', name: 'read', result: { content: rows } }

export async function openPayloads(): Promise<BenchmarkCase> {
  return {
    name: 'payloads',
    title: 'Keeping a 64 KB payload as it was',
    unit: 'ns of CPU per plugin',
    counter: cpuTime,
    notes: ['Each variant hands out a payload that cannot be changed for others, and reads two of its fields, one of them deep.'],
    variants: [
      variant('view', () => new View(PAYLOAD, 'ignore').root as typeof PAYLOAD),
      variant('structuredClone', () => structuredClone(PAYLOAD)),
      variant('JSON round trip', () => JSON.parse(JSON.stringify(PAYLOAD)) as typeof PAYLOAD),
    ],
    claims: [
      { id: 'P15', what: 'isolation of one plugin, whatever the size', variant: 'view', measure: 'value', unit: ' ns', must: 1000, stretch: 500 },
      { id: 'P15 clone', what: 'structuredClone to the view', variant: 'structuredClone', reference: 'view', measure: 'ratio', unit: 'x' },
    ],
  } // biome-ignore format: a table
}

function variant(name: string, isolate: () => typeof PAYLOAD): Variant {
  return {
    name,
    run(times) {
      let sum = 0
      for (let i = 0; i < times; i++) {
        const payload = isolate()
        sum += payload.name.length + (payload.result.content[i % rows.length] as Row).id
      }
      return sum
    },
  }
}
