// Fuzz target: sealed requestStates. Plaintexts are changed and sealed again, sealed texts are changed and refused.
import { isAppError } from '../../../src/base/errors.ts'
import { isObject, type JsonObject } from '../../../src/base/json.ts'
import {
  createInputStates,
  digestOf,
  type InputState,
  requestDigest,
} from '../../../src/gateway/input/state.ts'
import { holds } from '../holds.ts'
import { pick, type Random } from '../random.ts'
import type { Target } from '../target.ts'

const START = 1_000_000
const TTL = 1000
let clock = START
const own = createInputStates(Buffer.alloc(32, 1), () => clock)
const foreign = createInputStates(Buffer.alloc(32, 2), () => clock)

export const state: Target = {
  name: 'state',
  files: ['src/gateway/input/state.ts'],
  tokens: [
    'request', 'principal', 'server', 'round', 'asked', 'known', 'upstream', 'held', 'confirming', 'confirmed', 'expires', 'elicitation/create',
    'requestState', 'inputResponses', '_meta', 'AAAA', '-_-_', '==',
  ], // biome-ignore format: a table reads better in rows
  runs: 5000,
  branches: 90,
  run(bytes, random) {
    clock = START
    const text = bytes.toString()
    const nobody = { request: '', principal: '' }
    for (const raw of [text, bytes.toString('base64url'), bytes.length])
      holds(open(raw, nobody) === undefined, 'a text that nobody sealed does not open')
    const plain = parsed(text)
    checkDigest(plain)
    if (!isObject(plain)) return { accepted: false, trait: 'no state' }
    const sealing = {
      ...(plain as object),
      request: String(plain.request),
      principal: String(plain.principal),
    } as InputState
    checkSealed(sealing, bytes, random)
    return { accepted: true, trait: `state ${Object.keys(plain).length} ${text.length >> 7}` }
  },
}

function checkSealed(sealing: InputState, bytes: Buffer, random: Random): void {
  const sealed = own.seal(sealing, TTL)
  const opened = open(sealed, sealing)
  holds(opened !== undefined, 'what was sealed opens')
  const { expires: _, ...expected } = sealing as InputState & { expires?: number }
  const { expires: __, ...known } = opened as InputState & { expires?: number }
  holds(JSON.stringify(known) === JSON.stringify(expected), 'what was sealed comes back')
  const other = { request: sealing.request, principal: `${sealing.principal}2` }
  holds(open(sealed, other) === undefined, 'a state is its principal’s own')
  const later = { request: `${sealing.request}2`, principal: sealing.principal }
  holds(open(sealed, later) === undefined, 'a state is its request’s own')
  holds(open(foreign.seal(sealing, TTL), sealing) === undefined, 'a state is its gateway’s own')
  for (const changed of changesOf(sealed, bytes, random))
    holds(changed === sealed || open(changed, sealing) === undefined, 'a changed state is refused')
  clock = START + TTL + 1
  holds(open(sealed, sealing) === undefined, 'a state expires')
}

function changesOf(sealed: string, bytes: Buffer, random: Random): string[] {
  const at = random(sealed.length)
  const flipped = Buffer.from(sealed, 'base64url')
  const bit = random(flipped.length * 8)
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
  return [
    flipped.toString('base64url'),
    sealed.slice(0, at),
    `${sealed}${pick(random, ['=', 'A', ' ', '\n', '.'])}`,
    sealed.slice(0, at) + bytes.toString('latin1', 0, 1) + sealed.slice(at + 1),
    sealed.slice(at) + sealed.slice(0, at),
  ]
}

/** Two requests have one digest when they differ in what a retry may change, and only then. */
function checkDigest(plain: unknown): void {
  const params = (isObject(plain) ? plain : { plain: plain ?? null }) as JsonObject
  const digest = requestDigest('tools/call', params)
  const retry = { ...params, _meta: { a: 1 }, inputResponses: {}, requestState: 'x' }
  holds(requestDigest('tools/call', retry) === digest, 'a retry is the same request')
  holds(requestDigest('prompts/get', params) !== digest, 'another method is another request')
  const { requestState: _, inputResponses: __, _meta: ___, ...same } = params
  const more = { ...same, 'something else': Object.keys(same).length }
  if (!Object.hasOwn(same, 'something else'))
    holds(requestDigest('tools/call', more) !== digest, 'other params are another request')
  const again = Object.fromEntries(Object.entries(params).reverse())
  holds(digestOf(again) === digestOf(params), 'the order of members does not count')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function open(
  sealed: unknown,
  of: Pick<InputState, 'request' | 'principal'>,
): InputState | undefined {
  try {
    return own.open(sealed, of)
  } catch (error) {
    holds(isAppError(error) && error.code === 'WIRE_BAD_STATE', 'a refusal is WIRE_BAD_STATE')
    return undefined
  }
}
