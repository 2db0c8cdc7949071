// Envelopes as servers send them, and everything about them that is refused.
import { describe, expect, it } from 'vitest'
import { parseEnvelope } from '../../../src/attest/evidence/envelope.ts'
import { EVIDENCE_TYPES } from '../../../src/attest/evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../../../src/attest/evidence/media.ts'
import { denialOf } from '../denials.ts'

const ITEM = {
  cmw: ['application/vnd.portcullis.snp-report', 'AAEC', 4],
  endorsements: { vcek: 'AAEC' },
}
const WHOLE = {
  v: 1,
  challenge_id: 'challenge-1',
  server_id: 'spiffe://prod.example/mcp/files',
  binding: ['exporter', 'spki'],
  evidence: [ITEM],
}
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const refused = (value: unknown): string => denialOf(() => parseEnvelope(bytes(value)))
const item = (changes: object): string => refused({ ...WHOLE, evidence: [{ ...ITEM, ...changes }] })

describe('an envelope', () => {
  it('is its documents, decoded', () => {
    expect(parseEnvelope(bytes(WHOLE))).toEqual({
      challengeId: 'challenge-1',
      serverId: 'spiffe://prod.example/mcp/files',
      binding: ['spki', 'exporter'],
      items: [{ type: 'sev-snp', bytes: Buffer.of(0, 1, 2), endorsements: { vcek: 'AAEC' } }],
      unknown: [],
    })
  })

  it('names every kind of evidence by a media type of its own', () => {
    const media = EVIDENCE_TYPES.map((type) => EVIDENCE_KINDS[type].media)
    expect(new Set(media).size).toBe(EVIDENCE_TYPES.length)
    const evidence = media.slice(0, 8).map((one) => ({ cmw: [one, 'AA'] }))
    expect(parseEnvelope(bytes({ ...WHOLE, evidence })).items.map(({ type }) => type)).toEqual(
      EVIDENCE_TYPES.slice(0, 8),
    )
  })

  it('may have documents of kinds that are not known, told by their media types only', () => {
    const evidence = [{ cmw: ['application/eat+cwt', 'AA', 4] }, { cmw: ['\u001b[31m', 'AA'] }]
    expect(parseEnvelope(bytes({ ...WHOLE, evidence }))).toMatchObject({
      items: [],
      unknown: ['application/eat+cwt', 'not a media type'],
    })
  })

  it('tells no media type that is long, whichever half of it is', () => {
    const long = ['a'.repeat(25), 'a'.repeat(200), 'application']
    const evidence = long.map((type) => ({ cmw: [`${type}/${'b'.repeat(101)}`, 'AA'] }))
    const unknown = Array(3).fill('not a media type')
    expect(parseEnvelope(bytes({ ...WHOLE, evidence }))).toMatchObject({ items: [], unknown })
    const half = [{ cmw: [`${'a'.repeat(25)}/b`, 'AA'] }]
    expect(parseEnvelope(bytes({ ...WHOLE, evidence: half })).unknown).toEqual(['not a media type'])
  })
})

describe('an envelope is refused', () => {
  it('above 256 KiB, before it is read', () => {
    expect(denialOf(() => parseEnvelope(Buffer.alloc(256 * 1024 + 1, 0x20)))).toBe(
      'evidence.too_large: envelope',
    )
  })

  it('with more than eight documents', () => {
    expect(refused({ ...WHOLE, evidence: Array(9).fill(ITEM) })).toBe(
      'evidence.too_large: envelope: too many items',
    )
  })

  it('when it is no JSON, not UTF-8, or no object', () => {
    for (const given of ['{', '"text"', '[]', 'null', '\ufeff{}'])
      expect(denialOf(() => parseEnvelope(Buffer.from(given)))).toMatch(/^evidence\.malformed: /)
    expect(denialOf(() => parseEnvelope(Buffer.of(0x22, 0xff, 0x22)))).toMatch(/no JSON$/)
  })

  it('when it has a member twice', () => {
    const twice = JSON.stringify(WHOLE).replace('{', '{"server_id":"mail",')
    expect(denialOf(() => parseEnvelope(Buffer.from(twice)))).toMatch(/^evidence\.malformed: /)
  })

  it('when it is nested without end, and its stack holds', () => {
    const deep = `{"evidence":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect(denialOf(() => parseEnvelope(Buffer.from(deep)))).toMatch(/^evidence\./)
  })

  it('of another version', () => {
    expect(refused({ ...WHOLE, v: 2 })).toBe('evidence.unsupported: envelope: v')
  })

  it('with a member that is not known, here or in a document', () => {
    expect(refused({ ...WHOLE, more: 1 })).toBe(
      'evidence.malformed: envelope: a member that is not known',
    )
    expect(item({ more: 1 })).toBe('evidence.malformed: item: a member that is not known')
  })

  it('when a member is missing or of another type', () => {
    for (const name of Object.keys(WHOLE)) {
      expect(refused({ ...WHOLE, [name]: undefined })).toMatch(/^evidence\./)
      expect(refused({ ...WHOLE, [name]: { a: 1 } })).toMatch(/^evidence\./)
    }
    expect(refused({ ...WHOLE, binding: ['spki', 'cookie'] })).toBe(
      'evidence.malformed: envelope: binding',
    )
    expect(refused({ ...WHOLE, server_id: 'x'.repeat(2049) })).toBe('evidence.too_large: server_id')
  })

  it('with a document that is no CMW of evidence', () => {
    const [media, value] = ITEM.cmw
    for (const cmw of [[], [media], [media, value, 4, 4], [1, value], [media, 1], 'cmw'])
      expect(item({ cmw })).toBe('evidence.malformed: item: cmw')
    for (const indicator of [0, 2, 8, '4'])
      expect(item({ cmw: [media, value, indicator] })).toBe(
        'evidence.malformed: item: the CMW is no evidence',
      )
  })

  it('with a value that is empty, padded, of another alphabet or with bits left over', () => {
    for (const value of ['', 'AAE=', 'AA+/', 'A', 'AB', 'AAEC\n'])
      expect(item({ cmw: [ITEM.cmw[0], value] })).toBe('evidence.malformed: item: no base64url')
  })

  it('with endorsements that are no object, or too deep', () => {
    expect(item({ endorsements: [] })).toBe('evidence.malformed: item: endorsements')
    let deep: unknown = 1
    for (let level = 0; level < 9; level++) deep = { a: deep }
    expect(item({ endorsements: deep })).toMatch(/^evidence\.too_large/)
  })
})
