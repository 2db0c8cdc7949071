// How long the path validator takes for the cases of x509-limbo, those made to exhaust it among them (P29).

import { type Case, testcases, verdictOf } from '../../test/attest/path/limbo.ts'
import type { BenchmarkCase, Trial } from '../case.ts'

const ALL = `all ${testcases.length} cases`
const HARD = 'pathological ones'
const THOUSAND = 1000

export async function openLimbo(): Promise<BenchmarkCase> {
  return {
    name: 'limbo',
    title: 'Paths of x509-limbo',
    unit: 'ms of CPU of the slowest case',
    notes: [
      'Reading the certificates of a case, the search for a path, and revocation where the case has lists: CPU time of the thread, the collector included. Issuers that are tried and signatures that are checked are the most that an accepted case took; what is refused for its cost was ended by the budgets of the search.',
    ],
    variants: [
      trial(ALL, testcases),
      trial(HARD, testcases.filter(({ id }) => id.startsWith('pathological::'))),
    ],
    claims: [
      { id: 'P29', what: `the slowest of ${ALL}`, variant: ALL, measure: 'value', unit: ' ms', must: 50 },
      { id: 'P29 signatures', what: 'signatures that an accepted case took at most', variant: ALL, measure: 'value', of: 'signatures', unit: '', must: 64 },
      { id: 'P29 issuers', what: 'issuers that it tried at most', variant: ALL, measure: 'value', of: 'issuers', unit: '', must: 32 },
    ],
    shown: ['mean', 'signatures', 'issuers', 'names', 'refused for its cost'],
    rounds: (quick) => (quick ? 7 : 31),
    async warmUp() {
      for (let i = 0; i < 5; i++) for (const one of testcases) verdictOf(one)
    },
  } // biome-ignore format: a table
}

function trial(name: string, cases: readonly Case[]): Trial {
  return {
    name,
    ours: true,
    async trial() {
      let [slowest, total, signatures, issuers, names, budget] = [0, 0, 0, 0, 0, 0]
      for (const one of cases) {
        const before = process.threadCpuUsage()
        const { work, why } = verdictOf(one)
        const { user, system } = process.threadCpuUsage(before)
        const ms = (user + system) / THOUSAND
        total += ms
        slowest = Math.max(slowest, ms)
        signatures = Math.max(signatures, work?.signatures ?? 0)
        issuers = Math.max(issuers, work?.candidates ?? 0)
        names = Math.max(names, work?.names ?? 0)
        if (why === 'evidence.budget') budget++
      }
      const seen = { mean: total / cases.length, signatures, issuers, names, 'refused for its cost': budget } // biome-ignore format: a row
      return { times: cases.length, cost: slowest, seen, others: 0 }
    },
  }
}
