// Fuzz target: bytes as a document of Nitro Enclaves. Nothing that was changed is genuine; what is signed anew is judged without a fault.

import type { Verification } from '../../../../src/attest/evidence/evidence.ts'
import { readSign1 } from '../../../../src/attest/format/cose.ts'
import { readNitroDocument } from '../../../../src/attest/nitro/document.ts'
import { nitro as verifier } from '../../../../src/attest/nitro/nitro.ts'
import { nitroSection } from '../../../../src/attest/nitro/policy.ts'
import { array, bytes, map, nothing, number, text } from '../../../attest/synthetic/cbor.ts'
import {
  ES384,
  makeEnclave,
  makeMessage,
  makePayload,
  nitroItem,
  pcr,
} from '../../../attest/synthetic/nitro.ts'
import { policyOf, readFixture, runOf, vectorsOf } from '../../../attest/vectors.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

const START = Date.UTC(2026, 10, 28)
const enclave = makeEnclave({ startedAt: START })
const rows = vectorsOf('nitro').filter(({ name }) =>
  /^a document .* is (accepted|genuine)/.test(name),
)
const genuine = rows.map((row) => runOf(row))
const known = new Set(genuine.map(({ item, at }) => verifier.verify(item, at).contentSha256))
const policy = policyOf(nitroSection({}), {
  revocation: 'prefer',
  user_data: 'any',
  reference: { pcr0: [`sha384:${'a0'.repeat(48)}`], pcr8: [`sha384:${'00'.repeat(48)}`] },
})

export const nitro: Target = {
  name: 'nitro',
  files: ['src/attest/nitro/nitro.ts', 'src/attest/nitro/document.ts', 'src/attest/format/cose.ts'],
  tokens: ['nonce', 'pcrs', 'cabundle', 'module_id', 'digest', 'SHA384', 'timestamp', '8"'],
  runs: 1000,
  branches: 90,
  generate: generated,
  run(input, random) {
    const read = tried(() => readNitroDocument(readSign1(input, 'document').payload))
    const { at } = pick(random, genuine)
    const old = tried(() => verifier.verify(nitroItem(input), at))
    // the same signed content in another wrapping is the same document
    holds(old.reason !== undefined || known.has(old.value.contentSha256), 'nobody signs for AWS')
    if (read.reason !== undefined) {
      holds(old.reason === read.reason, 'what cannot be read is not verified')
      return { accepted: false, trait: read.reason }
    }
    return { accepted: true, trait: judged(input, at, random) }
  },
}

function judged(input: Buffer, at: Verification, random: Random): string {
  const now = START + random(2) * 10_800_001 - random(2) * 120_000
  const here = { ...at, now, roots: { nitro: [enclave.root] }, expected: undefined }
  const made = tried(() => verifier.verify(nitroItem(input), here))
  if (made.reason !== undefined) return made.reason
  holds(made.value.synthetic, 'what a test signed says so')
  return `judged ${tried(() => verifier.appraise(made.value, policy, { now: START })).reason}`
}

function generated(random: Random): Buffer {
  if (random(6) === 0) return readFixture(pick(random, rows).file)
  const timestamp = START + pick(random, [0, 0, 0, -2000, 61_000, 10_900_000])
  const nonce = random(2) === 0 ? Buffer.alloc(random(514), 1) : undefined
  const odd = random(3) === 0 ? [[pick(random, NAMES), pick(random, ITEMS)] as const] : []
  const payload = makePayload(enclave, {
    timestamp,
    ...(nonce ? { nonce } : {}),
    members: odd,
    indefinite: random(2) === 0,
    ...(random(8) === 0 ? { leaf: pick(random, enclave.cabundle) } : {}),
  })
  const header = random(8) === 0 ? pick(random, HEADERS) : ES384
  const unprotected = random(8) === 0 ? pick(random, HEADERS) : map()
  const key = random(8) === 0 ? enclave.instanceKey : enclave.key
  const message = makeMessage(random(10) === 0 ? pick(random, ITEMS) : payload, key, {
    header,
    unprotected,
    tagged: random(3) === 0,
  })
  return Buffer.from(random(12) === 0 ? pick(random, ODD) : message)
}

const NAMES = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle', 'public_key', 'user_data', 'nonce', 'other'] as const // biome-ignore format: a table
const ITEMS = [
  nothing,
  number(0),
  number(START),
  text(''),
  text('x'),
  text('x'.repeat(257)),
  bytes(Buffer.alloc(0)),
  bytes(Buffer.alloc(513, 1)),
  bytes(Buffer.alloc(1025, 1)),
  array(),
  array(number(1)),
  array(bytes(Buffer.alloc(8, 0x30))),
  map(),
  map([number(0), bytes(pcr(0xa0))]),
  map([number(0), bytes(Buffer.alloc(32, 1))], [number(1), bytes(Buffer.alloc(64, 1))]),
  map([number(40), bytes(pcr(1))]),
  map([number(1), text('x')]),
  map([text('0'), bytes(pcr(1))]),
  map([number(0), bytes(Buffer.alloc(47, 1))]),
]
const HEADERS = [
  new Uint8Array(),
  map(),
  array(),
  map([number(1), number(-7)]),
  map([number(1), number(-35)], [number(2), array(number(9))]),
  map([number(1), number(-35)], [number(4), bytes(Buffer.of(1))]),
]
const ODD = [
  array(),
  array(number(1), map(), bytes(Buffer.of(1)), bytes(Buffer.alloc(96))),
  array(bytes(ES384), map(), bytes(map()), bytes(Buffer.alloc(95))),
  array(bytes(ES384), array(), bytes(map()), bytes(Buffer.alloc(96))),
  array(bytes(ES384), map(), nothing, bytes(Buffer.alloc(96))),
  array(bytes(ES384), map(), bytes(map()), nothing),
  array(bytes(ES384), map(), bytes(Buffer.of(0)), bytes(Buffer.alloc(96))),
]
