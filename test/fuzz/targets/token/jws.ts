// Fuzz target: compact JWS. What is taken is of one spelling, by an algorithm that was asked for, and brings no key.
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Denial } from '../../../../src/attest/denial.ts'
import { memberAt, textAt, textsAt } from '../../../../src/attest/format/json.ts'
import {
  assertJwsSigned,
  JWS_ALGORITHMS,
  type JwsShape,
  parseJws,
} from '../../../../src/attest/token/jws.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'

const SHAPES: readonly JwsShape[] = [
  { what: 'a', algorithms: JWS_ALGORITHMS, types: [undefined, 'JWT'] },
  { what: 'b', algorithms: ['RS256'], types: ['JWT'], x5c: 'optional', ignoresJku: true },
]
const certificate = (name: string) =>
  createPublicKey(readFileSync(new URL(`../../../fixtures/${name}`, import.meta.url)))
const KEYS = [
  certificate('attestation/gcp/confidential-space-root.pem'),
  certificate('attestation/spiffe/good-leaf-and-intermediate.pem'),
]

export const jws: Target = {
  name: 'jws',
  files: ['src/attest/token/jws.ts', 'src/attest/format/json.ts', 'src/attest/format/base64.ts'],
  tokens: ['eyJhbGciOiJSUzI1NiJ9', '.', '=', '-', '_', '"alg"', '"x5c":["AAEC"]', '"jwk":', '\\u0061lg', '"kid":"', 'bm9uZQ', '+', '/'], // biome-ignore format: a row
  runs: 8000,
  branches: 90,
  generate,
  run(bytes) {
    const traits: string[] = []
    let accepted = false
    for (const shape of SHAPES) {
      const trait = tried(bytes, shape)
      accepted ||= trait.startsWith('taken')
      traits.push(trait)
    }
    return { accepted, trait: traits.join(' | ') }
  },
}

function tried(bytes: Buffer, shape: JwsShape): string {
  try {
    const read = parseJws(bytes, shape)
    const { payload, signed, signature, alg, x5c } = read
    const text = `${Buffer.from(signed)}.${Buffer.from(signature).toString('base64url')}`
    holds(text === bytes.toString('latin1'), 'a token has one spelling')
    holds(shape.algorithms.includes(alg), 'its algorithm was asked for')
    holds(x5c === undefined || shape.x5c !== undefined, 'no key came along')
    const [, middle = ''] = text.split('.')
    const again: unknown = JSON.parse(Buffer.from(middle, 'base64url').toString())
    holds(JSON.stringify(again) === JSON.stringify(payload), 'it is read as JSON is')
    for (const name of Object.keys(payload)) {
      holds(memberAt(payload, name) === payload[name], 'a member is there')
      textAt(payload, name, name)
      textsAt(payload, name)
    }
    holds(memberAt(payload, 'toString', 'name') === undefined, 'nothing is inherited')
    for (const key of KEYS)
      holds(reasonOf(() => assertJwsSigned(read, key, 'it')) !== '', 'nobody signed it')
    return `taken ${alg} ${x5c?.length} ${Object.keys(payload).length}`
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    for (const part of bytes.toString('latin1').split(/[".:]/))
      holds(part.length < 12 || !error.message.includes(part), 'nothing given is in the message')
    return error.message
  }
}

function reasonOf(act: () => void): string {
  try {
    act()
    return ''
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.reason
  }
}

const encode = (text: string): string => Buffer.from(text).toString('base64url')
const HEADERS: readonly object[] = [
  { alg: 'none' }, { alg: 'HS256' }, { alg: 1 }, { typ: 'x' }, { typ: undefined }, { kid: 1 }, { kid: 'k'.repeat(513) }, { jwk: {} }, { jku: 'x' }, { crit: [] },
  { x5c: ['AAEC'] }, { x5c: [] }, { x5c: [1] }, { x5c: ['A'] }, { x5c: Array(9).fill('AAEC') }, { b64: false },
] // biome-ignore format: a table reads better in rows
const PAYLOADS: readonly string[] = [
  '{}', '{"a":"b","c":["d"]}', '{"a":1,"a":2}', '{"a" :1,"\\u0061":2}', '{"a":[{"b":[{"c":"}"}]}]}', '{"a":"\\\\","b":"\\""}', '[]', '1', '{"a":}', '"', '{"\\', '\ufeff{}',
  '{"__proto__":{"a":1}}', '['.repeat(20), `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, '{"\\x":1}',
] // biome-ignore format: a table reads better in rows

function generate(random: Random): Buffer {
  const alg = pick(random, [...JWS_ALGORITHMS, 'RS256', 'RS256'])
  const more = random(3) === 0 ? pick(random, HEADERS) : {}
  const header = JSON.stringify({ alg, typ: 'JWT', kid: 'k', ...more })
  const payload = pick(random, random(2) === 0 ? PAYLOADS : PAYLOADS.slice(0, 2))
  if (random(40) === 0) return Buffer.alloc(64 * 1024 + random(3), 'a')
  return Buffer.from(`${encode(header)}.${encode(payload)}.${encode('x'.repeat(random(100)))}`)
}
