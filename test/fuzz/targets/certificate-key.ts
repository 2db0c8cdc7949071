// Fuzz target: bytes as a certificate whose key is pinned. The digest is of the key and of nothing else, and half a certificate has none.
import { createHash } from 'node:crypto'
import { spkiSha256 } from '../../../src/upstream/tls/spki.ts'
import { der } from '../../support/der-writer.ts'
import { holds } from '../holds.ts'
import { pick, type Random } from '../random.ts'
import type { Target } from '../target.ts'

const LENGTHS = [0, 1, 2, 127, 128, 200, 255, 256, 300]
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export const certificateKey: Target = {
  name: 'certificate-key',
  files: ['src/upstream/tls/spki.ts'],
  tokens: [
    '\x30\x82',
    '\x30\x80',
    '\x30\x81\x7f',
    '\x30\x83\x01\x00\x00',
    '\xa0\x03\x02\x01\x02',
    '\x02\x01\x01',
  ],
  runs: 4000,
  branches: 90,
  generate: (random) => made(random).certificate,
  run(bytes, random) {
    const { certificate, key } = made(random)
    holds(spkiSha256(certificate) === digest(key), 'the digest is that of the key')
    const cut = certificate.subarray(0, random(certificate.length))
    holds(spkiSha256(cut) === undefined, 'half a certificate has no key')
    const longer = Buffer.concat([certificate, Buffer.from([random(256)])])
    holds(spkiSha256(longer) === undefined, 'and neither has one with something behind it')
    const found = spkiSha256(bytes)
    if (found === undefined) return { accepted: false, trait: `none ${bytes[0] ?? ''}` }
    holds(/^[0-9a-f]{64}$/.test(found), 'a digest is one')
    holds(bytes[0] === 0x30, 'only a SEQUENCE has a key')
    return { accepted: true, trait: `key ${bytes.length >> 6}` }
  },
}

/** The frame of RFC 5280 section 4.1, with anything in it. */
function made(random: Random): { readonly certificate: Buffer; readonly key: Buffer } {
  const filler = (tag: number) => der.element(tag, Buffer.alloc(pick(random, LENGTHS), random(256)))
  const key = filler(0x30)
  const version = random(2) === 0 ? [filler(0xa0)] : []
  const before = [0x02, 0x30, 0x30, 0x30, 0x30].map(filler)
  const after = random(2) === 0 ? [filler(0xa3)] : []
  const tbs = der.sequence(...version, ...before, key, ...after)
  return { certificate: der.sequence(tbs, filler(0x30), filler(0x03)), key }
}
