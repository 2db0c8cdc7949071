// Small calls through the gateway with policies on, beside what a proxy is without any (P1).
import type { BenchmarkCase, Claim } from '../case.ts'
import { gateway, REFERENCES } from '../references/table.ts'
import { CONNECTIONS, openFleet, type Row } from './fleet.ts'

const rows: readonly Row[] = [
  { name: 'raw node:http pipe', start: REFERENCES['raw pipe'] },
  { name: 'undici dispatch, parsed', start: REFERENCES['dispatch, parsed'] },
  { name: 'gateway in Express, 10 plugins', start: gateway({ form: 'express', plugins: 10 }) },
  { name: 'gateway, 10 plugins', start: gateway({ form: 'standalone', plugins: 10 }) },
]

const claims: readonly Claim[] = [
  { id: 'P1', what: 'CPU, gateway in Express with 10 plugins to a raw pipe', variant: 'gateway in Express, 10 plugins', reference: 'raw node:http pipe', measure: 'ratio', unit: 'x', must: 1, stretch: 0.77 },
  { id: 'P1 throughput', what: 'the same, requests per second', variant: 'gateway in Express, 10 plugins', reference: 'raw node:http pipe', measure: 'ratio', of: 'throughput', more: true, unit: 'x', must: 1, stretch: 1.3 },
  { id: 'P1 standalone', what: 'CPU, gateway on its own with 10 plugins to a raw pipe', variant: 'gateway, 10 plugins', reference: 'raw node:http pipe', measure: 'ratio', unit: 'x' },
  { id: 'skeleton', what: 'CPU, gateway in Express with 10 plugins to undici dispatch that parses both ways', variant: 'gateway in Express, 10 plugins', reference: 'undici dispatch, parsed', measure: 'ratio', unit: 'x' },
] // biome-ignore format: a table

export async function openProxy(quick: boolean): Promise<BenchmarkCase> {
  return {
    name: 'proxy',
    title: 'Small calls, policies on',
    unit: 'us of CPU per request',
    notes: [`tools/call of the stateless era, 200 bytes each way, ${CONNECTIONS} connections.`],
    claims,
    rounds: (quick) => (quick ? 5 : 9),
    ...(await openFleet(rows, quick)),
  }
}
