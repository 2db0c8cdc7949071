// What one more hook costs a request, in our gateway and in Portkey's: protocols differ, so only what hooks add is compared.
import type { BenchmarkCase, Claim } from '../case.ts'
import { startPortkey } from '../peers/portkey.ts'
import { installPeers } from '../peers/table.ts'
import { openFleet, type Row } from './fleet.ts'
import { FIFTY, IN_EXPRESS, WITHOUT_PLUGINS } from './gateways.ts'

const OURS = (count: number) => `portcullis, ${count} policies before and after`
const THEIRS = (count: number) => `Portkey, ${count} guardrails before and after`

const rows: readonly Row[] = [
  { name: OURS(0), start: WITHOUT_PLUGINS },
  { name: OURS(10), start: IN_EXPRESS },
  { name: OURS(50), start: FIFTY },
]

const added = (of: (count: number) => string, who: string, count: number): Claim => ({
  id: `${who} ${count}`,
  what: `what one of ${2 * count} hooks adds to a request of ${who}`,
  variant: of(count),
  reference: of(0),
  measure: 'difference',
  per: 2 * count,
  unit: ' us',
})

export async function openHookEngines(quick: boolean): Promise<BenchmarkCase> {
  const versions = await installPeers()
  const portkey = await startPortkey()
  try {
    const fleet = await openFleet(rows, quick)
    const { variants, warmUp, close } = fleet.parts
    return {
      name: 'hook-engines',
      title: 'What hooks add to a request',
      unit: 'us of CPU per request',
      notes: [
        'Ours: tools/call, policies that look at the name of the tool and the roles of the caller. Portkey: a chat completion of one word to a model that answers at once, its built-in `default.contains` with one word as guardrail of input and output; it answers with the verdict of each, and every answer is looked into for them.',
        'Two protocols: what a request costs as a whole is not compared, only what hooks add to it.',
      ],
      variants: [...variants, ...[0, 10, 50].map((count) => portkey.trial(THEIRS(count), count))],
      claims: [10, 50].flatMap((count) => [
        added(OURS, 'portcullis', count),
        added(THEIRS, 'Portkey', count),
      ]),
      rounds: (quick) => (quick ? 3 : 5),
      versions,
      async warmUp() {
        await warmUp?.()
        await portkey.warmUp()
      },
      async close() {
        await close()
        await portkey.close()
      },
    }
  } catch (error) {
    await portkey.close()
    throw error
  }
}
