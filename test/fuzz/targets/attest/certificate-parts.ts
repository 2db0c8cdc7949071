// Parts that certificates of a target are made from: mostly as they should be, and each kind of wrong; no signature is real.
import {
  commonName,
  dns,
  extension,
  fixedKeys,
  names,
  OID,
  uri,
} from '../../../support/authority.ts'
import { der } from '../../../support/der-writer.ts'
import { pick, type Random } from '../../random.ts'

const alg = (oid: string, ...parameters: readonly Buffer[]): Buffer => der.sequence(der.oid(oid), ...parameters) // biome-ignore format: a row
const SHA256 = '2.16.840.1.101.3.4.2.1'
const PSS = '1.2.840.113549.1.1.10'
const MGF1 = '1.2.840.113549.1.1.8'
const pss = (hash: string, mask: string, salt: number, ...more: readonly Buffer[]): Buffer =>
  alg(PSS, der.sequence(der.explicit(0, alg(hash, der.null())), der.explicit(1, alg(MGF1, alg(mask, der.null()))), der.explicit(2, der.integer(salt)), ...more)) // biome-ignore format: a row

export const ALGORITHMS: readonly Buffer[] = [
  alg('1.2.840.10045.4.3.2'),
  alg('1.2.840.113549.1.1.11', der.null()),
  alg('1.3.101.112'),
  pss(SHA256, SHA256, 32),
  pss(SHA256, SHA256, 32, der.explicit(3, der.integer(1))),
  pss(SHA256, SHA256, 32, der.explicit(3, der.integer(2))),
  pss(SHA256, '2.16.840.1.101.3.4.2.2', 32),
  pss('1.3.14.3.2.26', '1.3.14.3.2.26', 20),
  pss('1.2.3', SHA256, 32),
  alg(PSS, der.sequence()),
  alg(PSS, der.sequence(der.explicit(1, alg('1.2.3', alg(SHA256))))),
  alg(PSS),
  alg('1.2.840.113549.1.1.11'),
  alg('1.2.840.10045.4.3.2', der.null()),
  alg('1.2.840.113549.1.1.5', der.null()),
  alg('1.2.3.4.5'),
  der.sequence(der.null()),
  der.sequence(der.oid('1.2.3'), der.null(), der.null()),
  der.set(),
] // biome-ignore format: a table

// the base point of the curve, the key of the number one
const P256 = Buffer.from('046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5', 'hex') // biome-ignore format: a row
const rsa = (bits: number, first = 0x80, exponent = Buffer.from([1, 0, 1])): Buffer => {
  const modulus = Buffer.alloc(bits / 8, 0xff)
  modulus[0] = first
  const whole = first >= 0x80 ? Buffer.concat([Buffer.from([0]), modulus]) : modulus
  const key = der.sequence(der.integer(whole), der.integer(exponent))
  return der.sequence(alg('1.2.840.113549.1.1.1', der.null()), der.bits(key))
}
const EC = '1.2.840.10045.2.1'
export const KEYS: readonly Buffer[] = [
  der.sequence(alg(EC, der.oid('1.2.840.10045.3.1.7')), der.bits(P256)),
  rsa(2048),
  fixedKeys(9).publicKey.export({ format: 'der', type: 'spki' }),
  rsa(2048, 1),
  rsa(1024),
  rsa(2048, 0x80, Buffer.from([1])),
  rsa(2048, 0x80, Buffer.from([1, 0])),
  rsa(2048, 0x80, Buffer.alloc(9, 1)),
  der.sequence(alg('1.2.840.113549.1.1.1'), der.bits(Buffer.alloc(9))),
  der.sequence(alg('1.2.840.113549.1.1.1', der.null()), der.bits(der.sequence(der.integer(Buffer.from([0])), der.integer(3)))),
  der.sequence(alg('1.2.840.113549.1.1.1', der.null()), der.bits(der.sequence(der.integer(Buffer.from([0xff, 0])), der.integer(3)))),
  der.sequence(alg(EC, der.oid('1.2.840.10045.3.1.1')), der.bits(Buffer.alloc(49, 4))),
  der.sequence(alg(EC, der.sequence(der.integer(1))), der.bits(Buffer.alloc(65, 4))),
  der.sequence(alg(EC), der.bits(Buffer.alloc(65, 4))),
  der.sequence(alg('1.2.3'), der.bits(Buffer.alloc(5))),
  der.sequence(alg(EC, der.oid('1.2.840.10045.3.1.7')), der.bits(Buffer.alloc(65, 4))),
  der.sequence(alg(EC), der.element(3, Buffer.from([3, 8]))),
  der.null(),
] // biome-ignore format: a table

const attribute = (oid: string, value: Buffer): Buffer => der.set(der.sequence(der.oid(oid), value))
export const NAMES: readonly Buffer[] = [
  commonName('Synthetic'),
  der.sequence(),
  commonName('server.example.com'),
  commonName('192.0.2.1'),
  der.sequence(attribute('2.5.4.6', der.text(0x13, 'DE')), attribute('2.5.4.3', der.text(0x0c, ' A  b\u0000\u202e'))),
  der.sequence(attribute('1.2.840.113549.1.9.1', der.text(0x16, 'ann@example.com'))),
  der.sequence(attribute('2.5.4.3', der.element(0x1e, Buffer.from([0, 65])))),
  der.sequence(attribute('2.5.4.3', der.element(0x0c, Buffer.from([0xff])))),
  der.sequence(der.set(der.sequence(der.oid('2.5.4.3'), der.text(0x0c, 'a')), der.sequence(der.oid('1.2.3'), der.text(0x14, 'b')))),
  der.sequence(der.set()),
  der.sequence(...Array.from({ length: 70 }, () => attribute('2.5.4.3', der.text(0x0c, 'x')))),
  der.set(),
] // biome-ignore format: a table

const AT = Date.UTC(2026, 5, 1)
const at = (years: number): Buffer => der.time(AT + years * 365 * 86_400_000)
export const VALIDITIES: readonly Buffer[] = [
  der.sequence(at(-1), at(1)),
  der.sequence(at(-1), at(40)),
  der.sequence(at(-2), at(-1)),
  der.sequence(at(1), at(2)),
  der.sequence(at(-1), der.generalizedTime(AT + 86_400_000)),
  der.sequence(at(-1), der.text(0x17, '261301000000Z')),
  der.sequence(at(-1), der.text(0x17, '260230000000Z')),
  der.sequence(at(-1), der.text(0x17, '2602280000Z')),
  der.sequence(at(-1), der.text(0x18, '20260101246000Z')),
  der.sequence(at(-1), der.integer(1)),
  der.sequence(at(-1)),
  der.sequence(der.text(0x17, '500101000000Z'), at(1), at(2)),
] // biome-ignore format: a table

const ip = (...bytes: readonly number[]): Buffer => der.element(0x87, Buffer.from(bytes))
const mail = (text: string): Buffer => der.element(0x81, Buffer.from(text))
export const GENERAL_NAMES: readonly Buffer[] = [
  dns('server.example.com'), dns('example.com'), dns('*.example.com'), dns('under_score.example.com'), dns('.example.com'), dns(''), dns('é'),
  uri('spiffe://prod.example/a'), uri('https://a.example.com:443/'), uri('urn:x'), uri('.example.com'), uri('example.com'),
  mail('ann@example.com'), mail('ANN@Example.com'), mail('example.com'), mail('.example.com'), mail('a@b@c'), mail('@'),
  ip(192, 0, 2, 1), ip(192, 0, 2, 0, 255, 255, 255, 0), ip(1, 2, 3, 4, 255, 0, 255, 0), ip(...Array(16).fill(1)), ip(...Array(32).fill(0)), ip(1),
  der.explicit(4, commonName('Synthetic')), der.explicit(4, der.sequence()), der.explicit(4, commonName('a'), der.null()), der.explicit(4),
  der.element(0x88, Buffer.from([0x2a])), der.explicit(0, der.oid('1.2.3')), der.explicit(3), der.explicit(5), der.null(), dns('\0'),
] // biome-ignore format: a table

export const listOf = (random: Random, most: number, from: readonly Buffer[]): Buffer[] =>
  Array.from({ length: random(most + 1) }, () => pick(random, from))

const subtrees = (random: Random, n: number): Buffer =>
  der.explicit(n, ...listOf(random, 3, GENERAL_NAMES).map((one) => der.sequence(one, ...(random(20) === 0 ? [der.implicit(0)] : [])))) // biome-ignore format: a row

/** One maker for each extension; what it makes is mostly right. */
const MAKERS: readonly [oid: string, make: (random: Random) => Buffer][] = [
  [OID.basicConstraints, (random) => pick(random, [der.sequence(der.boolean(true)), der.sequence(), der.sequence(der.boolean(true), der.integer(0)), der.sequence(der.integer(1)), der.sequence(der.boolean(false)), der.sequence(der.element(1, Buffer.from([7]))), der.null()])],
  [OID.keyUsage, (random) => pick(random, [der.bits(Buffer.from([0x06]), 1), der.bits(Buffer.from([0x80]), 7), der.bits(Buffer.from([0x84]), 2), der.bits(Buffer.alloc(0)), der.bits(Buffer.alloc(0), 1), der.bits(Buffer.from([0x80]), 0), der.bits(Buffer.from([0x81]), 7), der.bits(Buffer.from([0x80]), 9), der.bits(Buffer.alloc(9, 1)), der.element(3)])],
  [OID.extKeyUsage, (random) => der.sequence(...listOf(random, 3, [OID.serverAuth, OID.clientAuth, '2.5.29.37.0', '2.999.1', '0.0'].map((oid) => der.oid(oid)).concat(der.element(6), der.element(6, Buffer.from([0x80, 1])), der.element(6, Buffer.from([0x2a, 0x81])), der.element(6, Buffer.alloc(12, 0xff)), der.element(6, Buffer.alloc(50, 1)))))],
  [OID.subjectKeyIdentifier, (random) => pick(random, [der.octets(Buffer.alloc(20, 1)), der.octets(Buffer.alloc(20, 2)), der.null()])],
  [OID.authorityKeyIdentifier, (random) => pick(random, [der.sequence(der.implicit(0, Buffer.alloc(20, 1))), der.sequence(), der.sequence(der.implicit(0, Buffer.alloc(20, 2)), der.implicit(2, Buffer.from([1]))), der.null()])],
  [OID.subjectAltName, (random) => names(...listOf(random, 4, GENERAL_NAMES))],
  [OID.nameConstraints, (random) => der.sequence(...(random(4) > 0 ? [subtrees(random, 0)] : []), ...(random(4) > 0 ? [subtrees(random, 1)] : []))],
  [OID.crlDistributionPoints, (random) => der.sequence(...listOf(random, 2, [der.sequence(der.explicit(0, der.explicit(0, uri('http://a/')))), der.sequence(der.explicit(0, der.explicit(1))), der.sequence(der.implicit(1, Buffer.from([0, 1]))), der.sequence(der.explicit(2, dns('a'))), der.sequence(der.null())]))],
  [OID.authorityInfoAccess, (random) => der.sequence(...listOf(random, 2, [der.sequence(der.oid('1.3.6.1.5.5.7.48.1'), uri('http://a/')), der.sequence(der.oid('1.2.3'), dns('a'), der.null())]))],
  ['2.5.29.36', (random) => pick(random, [der.sequence(der.implicit(0, Buffer.from([0]))), der.sequence(der.implicit(1, Buffer.from([0])))])],
  ['1.2.3.4', () => der.null()],
] // biome-ignore format: a table

/** Which extensions are usually critical. */
const CRITICAL: ReadonlySet<string> = new Set([OID.basicConstraints, OID.keyUsage, OID.nameConstraints]) // biome-ignore format: a row

export function extensionsFor(random: Random): Buffer[] {
  return MAKERS.flatMap(([oid, make]) => {
    if (random(2) === 0) return []
    const critical = random(8) === 0 ? random(2) === 0 : CRITICAL.has(oid)
    const made = extension(oid, random(12) === 0 ? Buffer.from('no') : make(random), critical)
    return random(40) === 0 ? [made, made] : [made]
  })
}
