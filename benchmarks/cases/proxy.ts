// Small calls through the gateway with policies on, beside what a proxy is without any, and what gateways usually are.
import type { BenchmarkCase, Claim } from '../case.ts'
import { openSession } from '../load/call.ts'
import { DIRECT, REFERENCES } from '../references/table.ts'
import { CONNECTIONS, claimsOn, openFleet, type Row } from './fleet.ts'
import { FIFTY, FIFTY_ASYNC, IN_EXPRESS, SHIPPED, STANDALONE, WITHOUT_PLUGINS } from './gateways.ts'

const TEN = 'gateway in Express, 10 plugins'
const NONE = 'gateway in Express, no plugins'
const PIPE = 'raw node:http pipe'

/** What continuous integration looks at. */
const few: readonly Row[] = [
  { name: PIPE, start: REFERENCES['raw pipe'] },
  { name: TEN, start: IN_EXPRESS },
  { name: NONE, start: WITHOUT_PLUGINS },
  { name: '50 plugins', start: FIFTY },
  { name: 'tutorial gateway', start: REFERENCES.tutorial },
  { name: 'naive runner, 10 plugins', start: REFERENCES['naive runner'] },
]
const all: readonly Row[] = [
  ...few,
  { name: 'direct', start: DIRECT },
  { name: 'nginx, one worker', start: REFERENCES.nginx, needs: 'nginx' },
  { name: 'undici dispatch, bytes', start: REFERENCES['dispatch, bytes'] },
  { name: 'undici dispatch, parsed', start: REFERENCES['dispatch, parsed'] },
  { name: 'express.json and Pool', start: REFERENCES['express.json and Pool'] },
  { name: 'MCP SDK on both sides', start: REFERENCES['SDK on both sides'] },
  { name: 'gateway on its own, 10 plugins', start: STANDALONE },
  { name: 'gateway, sessions era', start: IN_EXPRESS, era: openSession },
  { name: 'gateway, shipped policies', start: SHIPPED },
  { name: 'gateway, refused by a plugin', start: IN_EXPRESS, tool: 'denied', marker: 'BENCH_DENIED' },
  { name: '50 async plugins', start: FIFTY_ASYNC },
] // biome-ignore format: a table

const claims: readonly Claim[] = [
  { id: 'P1', what: 'CPU with 10 plugins to a raw pipe', variant: TEN, reference: PIPE, measure: 'ratio', unit: 'x', must: 1, stretch: 0.77 },
  { id: 'P1 throughput', what: 'throughput with 10 plugins to a raw pipe', variant: TEN, reference: PIPE, measure: 'ratio', of: 'throughput', more: true, unit: 'x', must: 1, stretch: 1.3 },
  { id: 'P1 standalone', what: 'CPU of the gateway on its own to a raw pipe', variant: 'gateway on its own, 10 plugins', reference: PIPE, measure: 'ratio', unit: 'x' },
  { id: 'P1b', what: 'CPU with the shipped policies to a raw pipe', variant: 'gateway, shipped policies', reference: PIPE, measure: 'ratio', unit: 'x' },
  { id: 'P1 sessions', what: 'CPU in the sessions era to a raw pipe', variant: 'gateway, sessions era', reference: PIPE, measure: 'ratio', unit: 'x' },
  { id: 'P2', what: 'CPU of nginx to that with 10 plugins', variant: 'nginx, one worker', reference: TEN, measure: 'ratio', more: true, unit: 'x', must: 0.22, stretch: 0.3 },
  { id: 'P2 throughput', what: 'throughput with 10 plugins to nginx', variant: TEN, reference: 'nginx, one worker', measure: 'ratio', of: 'throughput', more: true, unit: 'x', must: 0.22, stretch: 0.3 },
  { id: 'P3', what: 'CPU of the tutorial gateway to that with 10 plugins', variant: 'tutorial gateway', reference: TEN, measure: 'ratio', more: true, unit: 'x', must: 3, stretch: 5 },
  { id: 'P3 throughput', what: 'throughput with 10 plugins to the tutorial gateway', variant: TEN, reference: 'tutorial gateway', measure: 'ratio', of: 'throughput', more: true, unit: 'x', must: 3, stretch: 5 },
  { id: 'P4', what: 'CPU of the SDK on both sides to that with 10 plugins', variant: 'MCP SDK on both sides', reference: TEN, measure: 'ratio', more: true, unit: 'x', must: 8, stretch: 12 },
  { id: 'P8', what: 'throughput with 10 plugins to a skeleton with 10 naive ones', variant: TEN, reference: 'naive runner, 10 plugins', measure: 'ratio', of: 'throughput', more: true, unit: 'x', must: 4, stretch: 6 },
  { id: 'P9', what: 'CPU with 50 sync plugins to none', variant: '50 plugins', reference: NONE, measure: 'ratio', unit: 'x', must: 1.1, stretch: 1.03 },
  { id: 'P10', what: 'CPU with 50 async plugins to none', variant: '50 async plugins', reference: NONE, measure: 'ratio', unit: 'x', must: 1.35, stretch: 1.2 },
  { id: 'P24', what: 'CPU of a refusal to that of a call', variant: 'gateway, refused by a plugin', reference: TEN, measure: 'ratio', unit: 'x', must: 0.6, stretch: 0.5 },
  { id: 'skeleton', what: 'CPU with 10 plugins to undici dispatch that parses both ways', variant: TEN, reference: 'undici dispatch, parsed', measure: 'ratio', unit: 'x' },
] // biome-ignore format: a table

export async function openProxy(quick: boolean): Promise<BenchmarkCase> {
  const rows = quick ? few : all
  const fleet = await openFleet(rows, quick)
  return {
    name: 'proxy',
    title: 'Small calls, policies on',
    unit: 'us of CPU per request',
    notes: [
      `tools/call of the stateless era, 200 bytes each way, ${CONNECTIONS} connections, namespacing, audit and metrics on; every plugin runs before and after the call and decides by the name of the tool and the principal.`,
      'Throughput is what one core gives the server; where its saturation is below 0.95, the load on the other core was the limit.',
      'The shipped policies are those of config/gateway.yaml with a rate limit that the load does not reach; the one for prod writes does not match.',
      ...fleet.notes,
    ],
    claims: claimsOn(rows, claims),
    rounds: (quick) => (quick ? 9 : 7),
    ...fleet.parts,
  }
}
