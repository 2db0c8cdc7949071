// Fuzz target: bytes as a revocation list. Whether a serial number is found is what a reader of every entry, one by one, finds.
import { Denial } from '../../../../src/attest/denial.ts'
import {
  type Crl,
  crlNumberOf,
  isConsistentCrl,
  isLowerNumber,
  isRevoked,
  issuingDistributionPointOf,
  parseCrl,
} from '../../../../src/attest/format/crl.ts'
import { Der, equalBytes } from '../../../../src/attest/format/der.ts'
import { commonName, extension, NOW, OID, uri } from '../../../support/authority.ts'
import { der } from '../../../support/der-writer.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { traitOf, valueOrDenial } from './refused.ts'

const SERIALS = [Buffer.from([5]), Buffer.from([0x11, 0x22]), Buffer.alloc(20, 0x33), Buffer.alloc(130, 1), Buffer.alloc(300, 1)] // biome-ignore format: a row

export const crl: Target = {
  name: 'crl',
  files: ['src/attest/format/crl.ts'],
  tokens: ['\x30\x0c', '\x02\x01\x05', '\x17\x0d260101000000Z', '\x05\x00', '\x01\x01\xff'],
  runs: 8000,
  branches: 90,
  generate: make,
  run(bytes, random) {
    const parsed = valueOrDenial(() => parseCrl(bytes, 8192))
    if (parsed instanceof Denial) return { accepted: false, trait: traitOf(parsed) }
    holds(bytes.includes(parsed.tbs), 'what is signed stands in it')
    const serial = pick(random, SERIALS)
    const found = valueOrDenial(() => isRevoked(parsed, serial))
    if (!(found instanceof Denial))
      holds(found === isListed(parsed, serial), 'it finds what a plain reader finds')
    const number = valueOrDenial(() => crlNumberOf(parsed))
    if (typeof number === 'string')
      holds(isLowerNumber(number, `1${number}`) && !isLowerNumber(number, number), 'numbers are in order') // biome-ignore format: a row
    const point = valueOrDenial(() => issuingDistributionPointOf(parsed))
    const all = [found, number, point].map((each) =>
      each instanceof Denial ? traitOf(each) : typeof each,
    )
    return { accepted: true, trait: `${isConsistentCrl(parsed)} ${all.join('|')}` }
  },
}

function isListed({ entries }: Crl, serial: Uint8Array): boolean {
  const list = new Der(entries)
  let isFound = false
  while (!list.isDone) {
    const number = list.next('entry').next('serial').rest()
    if (equalBytes(number, serial)) isFound = true
  }
  return isFound
}

const idp = (...parts: readonly Buffer[]): Buffer =>
  extension(OID.issuingDistributionPoint, der.sequence(...parts), true)
const EXTENSIONS: readonly Buffer[] = [
  extension(OID.crlNumber, der.integer(7)),
  extension(OID.crlNumber, der.integer(Buffer.from([0x80]))),
  extension(OID.crlNumber, der.integer(Buffer.alloc(22, 1))),
  idp(der.explicit(0, der.explicit(0, uri('http://a/'))), der.implicit(1, Buffer.from([0xff]))),
  idp(der.explicit(0, der.explicit(1)), der.implicit(2, Buffer.from([0xff]))),
  idp(der.implicit(3, Buffer.from([1, 2])), der.implicit(4, Buffer.from([0xff]))),
  idp(der.implicit(5, Buffer.from([0xff]))),
  idp(der.implicit(1, Buffer.from([0xff])), der.implicit(2, Buffer.from([0xff]))),
  idp(der.implicit(1, Buffer.from([0]))),
  idp(),
] // biome-ignore format: a table

const TIMES = [der.time(NOW), der.time(NOW), der.generalizedTime(NOW), der.integer(1), der.element(0x17, Buffer.alloc(200))] // biome-ignore format: a row
const REASON = extension('2.5.29.21', der.enumerated(1))
const ENTRY_EXTENSIONS = [der.sequence(REASON), der.sequence(REASON, extension('2.5.29.24', der.generalizedTime(NOW))), der.sequence(extension('2.5.29.29', der.null(), true)), der.sequence(extension('2.5.29.21', der.enumerated(1), true)), der.sequence(), der.null()] // biome-ignore format: a row

function entry(random: Random): Buffer {
  const more = random(2) === 0 ? [] : [random(4) === 0 ? pick(random, ENTRY_EXTENSIONS) : (ENTRY_EXTENSIONS[0] as Buffer)] // biome-ignore format: a row
  const serial = random(30) === 0 ? Buffer.alloc(0) : pick(random, SERIALS)
  const time = random(30) === 0 ? pick(random, TIMES) : (TIMES[0] as Buffer)
  const made = der.sequence(der.integer(serial), time, ...more)
  if (random(60) === 0) return made.subarray(0, random(made.length))
  return random(60) === 0 ? der.sequence(Buffer.alloc(70_000)) : made
}

const ALGORITHM = der.sequence(der.oid('1.2.840.10045.4.3.2'))

function make(random: Random): Buffer {
  const next = pick(random, [der.time(NOW), der.time(NOW), der.time(NOW), der.generalizedTime(NOW), Buffer.alloc(0)]) // biome-ignore format: a row
  const entries = Array.from({ length: random(6) }, () => entry(random))
  const extensions = Array.from({ length: random(3) }, () => pick(random, EXTENSIONS))
  const tbs = der.sequence(
    random(20) === 0 ? Buffer.alloc(0) : der.integer(random(20) === 0 ? 0 : 1),
    random(20) === 0 ? der.sequence(der.oid('1.2.3')) : ALGORITHM,
    random(30) === 0 ? der.null() : commonName('Synthetic'),
    der.time(NOW),
    next,
    ...(entries.length > 0 ? [der.sequence(...entries)] : []),
    ...(extensions.length > 0 ? [der.explicit(0, der.sequence(...extensions))] : []),
  )
  return der.sequence(tbs, ALGORITHM, der.bits(Buffer.alloc(8, 1)))
}
