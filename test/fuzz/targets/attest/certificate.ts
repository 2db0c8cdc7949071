// Fuzz target: bytes as a certificate. What is parsed is the bytes and nothing else, and every reader of an extension gives a value or a Denial.

import { Denial } from '../../../../src/attest/denial.ts'
import { Certificate } from '../../../../src/attest/format/certificate.ts'
import { Der, hexOf } from '../../../../src/attest/format/der.ts'
import {
  basicConstraintsOf,
  extKeyUsageOf,
  keyIdentifierOf,
  keyUsageOf,
} from '../../../../src/attest/format/extensions.ts'
import {
  authorityInfoAccessOf,
  distributionPointsOf,
  subjectAltNamesOf,
} from '../../../../src/attest/format/general-name.ts'
import {
  constrainedNamesOf,
  nameConstraintsOf,
  violated,
} from '../../../../src/attest/path/constraints.ts'
import { weaknessOf } from '../../../../src/attest/path/key-strength.ts'
import { isSameName, parseName } from '../../../../src/attest/path/name.ts'
import { assertNamed, expectedHost } from '../../../../src/attest/path/named.ts'
import { assertFit, PURPOSE, type Rules } from '../../../../src/attest/path/profile.ts'
import { NOW } from '../../../support/authority.ts'
import { der } from '../../../support/der-writer.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { ALGORITHMS, extensionsFor, KEYS, NAMES, VALIDITIES } from './certificate-parts.ts'
import { traitOf, valueOrDenial } from './refused.ts'

export const certificate: Target = {
  name: 'certificate',
  files: [
    'src/attest/format/der.ts',
    'src/attest/format/certificate.ts',
    'src/attest/format/extensions.ts',
    'src/attest/format/general-name.ts',
    'src/attest/format/signature.ts',
    'src/attest/path/constraints.ts',
    'src/attest/path/host.ts',
    'src/attest/path/key-strength.ts',
    'src/attest/path/name.ts',
    'src/attest/path/named.ts',
    'src/attest/path/profile.ts',
  ],
  tokens: ['\x30\x80', '\x30\x82', '\x02\x01\x00', '\x06\x03\x55\x1d', '\x05\x00', '\x01\x01\xff', '\xa0', '\xa3'],
  runs: 8000,
  branches: 90,
  generate: make,
  run(bytes) {
    const parsed = valueOrDenial(() => Certificate.parse(bytes))
    if (parsed instanceof Denial) return { accepted: false, trait: traitOf(parsed) }
    holds(parsed.der === bytes, 'it is the bytes that came')
    holds(bytes.includes(parsed.tbs), 'what is signed stands in it')
    holds(parsed.isSelfIssued === (hexOf(parsed.issuer) === hexOf(parsed.subject)), 'names are compared whole') // biome-ignore format: a row
    return { accepted: true, trait: examine(parsed) }
  },
} // biome-ignore format: a row

function examine(one: Certificate): string {
  const read = READERS.map((reader) => valueOrDenial(() => reader(one)))
  checkNames(one)
  const fits = RULES.map(([place, rules]) => valueOrDenial(() => assertFit(one, place, rules, NOW)))
  const [asLeaf, asAnchor] = fits
  holds(asLeaf instanceof Denial || asAnchor instanceof Denial, 'nothing is both leaf and authority') // biome-ignore format: a row
  return [...read, ...fits].map((each) => (each instanceof Denial ? traitOf(each) : '')).join('|')
}

const READERS: readonly ((one: Certificate) => unknown)[] = [
  basicConstraintsOf,
  keyUsageOf,
  extKeyUsageOf,
  (one) => keyIdentifierOf(one, 'subject'),
  (one) => keyIdentifierOf(one, 'authority'),
  subjectAltNamesOf,
  authorityInfoAccessOf,
  distributionPointsOf,
  weaknessOf,
  (one) => one.isSignedBy(one.publicKey),
  (one) => holds(isSameName(one.subject, one.subject), 'a name is itself'),
  (one) => holds(one.isValidAt(one.notAfter) === one.notBefore <= one.notAfter, 'its last moment is of its validity'), // biome-ignore format: a row
  (one) => isSameName(one.issuer, one.subject),
  (one) => new Der(one.spki).finish('spki'),
]

const rules = (profile: Rules['profile'], purpose?: string): Rules => ({
  family: 'tls',
  profile,
  purpose,
  understood: [],
  authorityAsLeaf: false,
})
const RULES = [
  ['leaf', rules('strict', PURPOSE.server)],
  ['anchor', rules('strict', PURPOSE.server)],
  ['intermediate', rules('strict')],
  ['leaf', rules('plain', PURPOSE.client)],
  ['anchor', rules('plain')],
] as const

const HOSTS = ['server.example.com', '192.0.2.1', '[101:101:101:101:101:101:101:101]'].map(expectedHost) // biome-ignore format: a row

function checkNames(one: Certificate): void {
  const names = valueOrDenial(() => constrainedNamesOf(one))
  const constraints = valueOrDenial(() => nameConstraintsOf(one))
  const subject = valueOrDenial(() => parseName(one.subject, 'subject'))
  if (!(subject instanceof Denial))
    holds(!/\p{C}/u.test(subject.text) && subject.text.length <= 256, 'a name is fit to show')
  for (const expected of [...HOSTS, { kind: 'email', value: 'ann@example.com' } as const])
    valueOrDenial(() =>
      assertNamed({ leaf: one, names: subjectAltNamesOf(one) }, [expected], rules('strict')),
    )
  if (names instanceof Denial || constraints instanceof Denial || !constraints) return
  let spent = 0
  const why = violated(constraints, names, (count) => {
    spent += count
  })
  const all = constraints.permitted.length + constraints.excluded.length
  holds(spent === names.length * all, 'every comparison is counted')
  const none = violated({ permitted: [], excluded: constraints.excluded }, names, () => {})
  holds(none === undefined || why !== undefined, 'what is excluded stays so whatever is permitted')
}

/** Mostly the first of each list, which is right. */
const usually = (random: Random, from: readonly Buffer[]): Buffer =>
  random(6) === 0 ? pick(random, from) : (from[random(Math.min(2, from.length))] as Buffer)

const VERSIONS = [der.explicit(0, der.integer(2)), der.explicit(0, der.integer(2)), Buffer.alloc(0), der.explicit(0, der.integer(1)), der.explicit(0, der.integer(0)), der.explicit(0, der.integer(7))] // biome-ignore format: a row
const SERIALS = [der.integer(1), der.integer(Buffer.alloc(20, 0x11)), der.integer(0), der.integer(Buffer.from([0x80])), der.integer(Buffer.alloc(21, 1)), der.integer(Buffer.alloc(0)), der.integer(Buffer.from([0, 1])), der.integer(Buffer.from([0xff, 0x80]))] // biome-ignore format: a row

function make(random: Random): Buffer {
  const algorithm = usually(random, ALGORITHMS)
  const issuer = usually(random, NAMES)
  const extensions = extensionsFor(random)
  const wrapped = extensions.length > 0 || random(8) === 0 ? [der.explicit(3, der.sequence(...extensions))] : [] // biome-ignore format: a row
  const tbs = der.sequence(
    usually(random, VERSIONS),
    usually(random, SERIALS),
    random(20) === 0 ? pick(random, ALGORITHMS) : algorithm,
    issuer,
    usually(random, VALIDITIES),
    random(3) === 0 ? issuer : usually(random, NAMES),
    usually(random, KEYS),
    ...(random(20) === 0 ? [der.implicit(1, Buffer.from([0, 1]))] : []),
    ...wrapped,
  )
  const made = der.sequence(tbs, algorithm, der.bits(Buffer.alloc(64, 1), random(30) === 0 ? 1 : 0))
  return random(30) === 0 ? Buffer.concat([made, Buffer.from([0])]) : made
}
