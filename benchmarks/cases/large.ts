// Messages of 64 KB each way: what reading and not rewriting them costs, and what streaming the reply saves (P3, P13, P14).
import type { BenchmarkCase, Claim } from '../case.ts'
import { verify } from '../load/call.ts'
import { callTo, REFERENCES, type Target } from '../references/table.ts'
import { CONNECTIONS, claimsOn, openFleet, type Row } from './fleet.ts'
import { BEFORE_ONLY, IN_EXPRESS, WITHOUT_PLUGINS } from './gateways.ts'

const TEN = '10 plugins, nothing changed'
const PARSED = 'undici dispatch, parsed'
const BYTES = 'undici dispatch, bytes'
const PIPE = 'raw node:http pipe'
const STREAMED = '10 plugins before the call only'
const big = { tool: 'big', payload: 'large' } as const

const few: readonly Row[] = [
  { name: PARSED, start: REFERENCES['dispatch, parsed'], ...big },
  { name: TEN, start: IN_EXPRESS, ...big },
  { name: 'tutorial gateway', start: REFERENCES.tutorial, ...big },
]
const all: readonly Row[] = [
  ...few,
  { name: PIPE, start: REFERENCES['raw pipe'], ...big },
  { name: BYTES, start: REFERENCES['dispatch, bytes'], ...big },
  { name: STREAMED, start: BEFORE_ONLY, ...big },
  { name: 'no plugins', start: WITHOUT_PLUGINS, ...big },
  { name: 'express.json and Pool', start: REFERENCES['express.json and Pool'], ...big },
  { name: 'nginx, one worker', start: REFERENCES.nginx, ...big, needs: 'nginx' },
  { name: 'raw pipe, small request', start: REFERENCES['raw pipe'], tool: 'big' },
  { name: 'dispatch bytes, small request', start: REFERENCES['dispatch, bytes'], tool: 'big' },
  { name: 'plugins before only, small request', start: BEFORE_ONLY, tool: 'big' },
]

const claims: readonly Claim[] = [
  { id: 'P13', what: 'CPU to undici dispatch that parses both ways', variant: TEN, reference: PARSED, measure: 'ratio', unit: 'x', must: 1.5, stretch: 1.2 },
  { id: 'P13 re-serialise', what: 'CPU to express.json, Pool and res.json', variant: TEN, reference: 'express.json and Pool', measure: 'ratio', unit: 'x', stretch: 0.6 },
  { id: 'P3 large', what: 'CPU of the tutorial gateway to that with 10 plugins', variant: 'tutorial gateway', reference: TEN, measure: 'ratio', more: true, unit: 'x', must: 2.5, stretch: 5 },
  { id: 'P14', what: 'CPU with nobody behind the call to a raw pipe', variant: STREAMED, reference: PIPE, measure: 'ratio', unit: 'x', must: 1 },
  { id: 'P14 bytes', what: 'the same to undici dispatch that passes bytes', variant: STREAMED, reference: BYTES, measure: 'ratio', unit: 'x', must: 1.5, stretch: 1.2 },
  { id: 'P14 reply', what: 'a small request with a large reply to a raw pipe', variant: 'plugins before only, small request', reference: 'raw pipe, small request', measure: 'ratio', unit: 'x' },
  { id: 'P14 reply bytes', what: 'the same to undici dispatch that passes bytes', variant: 'plugins before only, small request', reference: 'dispatch bytes, small request', measure: 'ratio', unit: 'x' },
] // biome-ignore format: a table

export async function openLarge(quick: boolean): Promise<BenchmarkCase> {
  const rows = quick ? few : all
  const fleet = await openFleet(rows, quick)
  try {
    const gateways = [IN_EXPRESS, BEFORE_ONLY].map((start) => fleet.targets.get(start))
    await sameBytes(
      fleet.upstream,
      gateways.filter((target) => target !== undefined),
    )
  } catch (error) {
    await fleet.parts.close()
    throw error
  }
  return {
    name: 'large',
    title: '64 KB each way',
    unit: 'us of CPU per request',
    notes: [
      `570 records as arguments and as structured content, about 60 KB each, ${CONNECTIONS} connections.`,
      'Before anything is measured, the body of a reply through the gateway is compared byte by byte with that of the upstream; only the id may differ.',
      ...fleet.notes,
    ],
    claims: claimsOn(rows, claims),
    rounds: (quick) => (quick ? 7 : 5),
    ...fleet.parts,
  }
}

async function sameBytes(upstream: Target, gateways: readonly Target[]): Promise<void> {
  const body = async (target: Target) => {
    const reply = await verify(callTo(target, 'big', { payload: 'large', era: 'modern' }))
    return reply.body.replace(/"id":\d+/, '"id":0')
  }
  const original = await body(upstream)
  for (const target of gateways)
    if ((await body(target)) !== original) throw new Error('the gateway rewrote a reply of 64 KB')
}
