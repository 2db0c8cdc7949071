// Fuzz target: bytes as an attestation envelope. What is accepted keeps the limits and can be written again as the same; nothing but a denial is thrown.
import { isDeepStrictEqual } from 'node:util'
import {
  ENVELOPE_LIMITS,
  type Envelope,
  parseEnvelope,
} from '../../../../src/attest/evidence/envelope.ts'
import { EVIDENCE_TYPES } from '../../../../src/attest/evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../../../../src/attest/evidence/media.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

export const attestationEnvelope: Target = {
  name: 'attestation-envelope',
  files: ['src/attest/evidence/envelope.ts'],
  tokens: ['"v":1', '"cmw":[', '"endorsements":{', 'AAEC', 'AB', '==', '"spki"', '\\u0076', ',4]', '__proto__'], // biome-ignore format: a table
  runs: 4000,
  branches: 90,
  generate: (random) => Buffer.from(JSON.stringify(envelopeOf(random))),
  run(bytes) {
    const read = tried(() => parseEnvelope(bytes))
    if (read.reason !== undefined) return { accepted: false, trait: read.reason }
    const { items, unknown, challengeId, serverId, binding } = read.value
    holds(items.length + unknown.length <= ENVELOPE_LIMITS.items, 'no more documents than may be')
    holds(challengeId !== '' && serverId !== '', 'who is meant is said')
    holds(
      unknown.every((media) => /^[\x20-\x7e]{1,128}$/.test(media)),
      'what is told can be told',
    )
    const again = tried(() => parseEnvelope(Buffer.from(JSON.stringify(written(read.value)))))
    holds(
      again.reason === undefined && isDeepStrictEqual(again.value, { ...read.value, unknown: [] }),
      'what was read is written and read as the same',
    )
    return { accepted: true, trait: `${items.length} ${unknown.length} ${binding.length}` }
  },
}

function written({ challengeId, serverId, binding, items }: Envelope): object {
  return {
    v: 1,
    challenge_id: challengeId,
    server_id: serverId,
    binding,
    evidence: items.map(({ type, bytes, endorsements }) => ({
      cmw: [EVIDENCE_KINDS[type].media, Buffer.from(bytes).toString('base64url'), 4],
      endorsements,
    })),
  }
}

/** Most are as they should be; each member is now and then not. */
function envelopeOf(random: Random): object {
  const seldom = (wrong: unknown, right: unknown) => (random(40) === 0 ? wrong : right)
  return {
    v: seldom(2, 1),
    challenge_id: seldom('', 'challenge-1'),
    server_id: seldom('x'.repeat(3000), pick(random, ['files', 'spiffe://prod.example/mcp/files'])),
    binding: seldom('spki', pick(random, [[], ['spki'], ['exporter', 'spki'], ['spki', 'spki']])),
    evidence: seldom(
      {},
      Array.from({ length: random(10) }, () => itemOf(random)),
    ),
    ...(random(40) === 0 ? { more: 1 } : {}),
  }
}

function itemOf(random: Random): object {
  const seldom = (wrong: unknown, right: unknown) => (random(80) === 0 ? wrong : right)
  const media = seldom(1, seldom('\u0007', EVIDENCE_KINDS[pick(random, EVIDENCE_TYPES)].media))
  const value = seldom('AB', Buffer.alloc(1 + random(40), random(256)).toString('base64url'))
  const cmw = [seldom('application/eat+cwt', media), value, ...(random(2) === 0 ? [4] : [])]
  return {
    cmw: seldom('cmw', seldom([...cmw, 8].slice(0, 3), cmw)),
    ...(random(2) === 0 ? { endorsements: seldom([], deep(random(9))) } : {}),
    ...(random(80) === 0 ? { more: 1 } : {}),
  }
}

function deep(levels: number): object {
  let value: unknown = 'AAEC'
  for (let level = 0; level <= levels; level++) value = { a: value }
  return value as object
}
