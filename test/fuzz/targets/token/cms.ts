// Fuzz target: CMS out of BER. What is taken is DER with the same values, and names one signer over attributes of its own.
import { readFileSync } from 'node:fs'
import { Denial } from '../../../../src/attest/denial.ts'
import { toDer } from '../../../../src/attest/format/ber.ts'
import { Certificate } from '../../../../src/attest/format/certificate.ts'
import { assertCmsSigned, isNamedBy, parseSignedData } from '../../../../src/attest/format/cms.ts'
import { readPem } from '../../../../src/attest/format/pem.ts'
import { der } from '../../../support/der-writer.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'

const fixture = new URL('../../../fixtures/attestation/', import.meta.url)
const certificates = ['gcp/confidential-space-root.pem', 'spiffe/good-leaf-and-intermediate.pem'].map((name) => {
  const [block] = readPem(readFileSync(new URL(name, fixture), 'utf8'))
  return Certificate.parse(block?.bytes as Uint8Array)
}) // biome-ignore format: short

export const cms: Target = {
  name: 'cms',
  files: ['src/attest/format/ber.ts', 'src/attest/format/cms.ts'],
  tokens: ['\x30\x80', '\0\0', '\x24\x80', '\x04\x01a', '\x30\x82\0\x10', '\x05\0', '\x02\x01\x01', '\xa0\x80', '\x31\x00', '\x80\x01'], // biome-ignore format: a row
  runs: 8000,
  branches: 90,
  generate,
  run(bytes) {
    try {
      const der = toDer(bytes, 'it')
      holds(Buffer.from(toDer(der, 'it')).equals(der), 'DER stays as it is')
      return { accepted: true, trait: `der ${read(der)}` }
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      return { accepted: false, trait: error.message }
    }
  },
}

function read(der: Uint8Array): string {
  try {
    const data = parseSignedData(der, 'it')
    const { signer, content, certificates: sent } = data
    holds(signer.signed[0] === 0x31, 'what is signed is a SET')
    holds(Buffer.from(der).includes(content), 'the content is there')
    holds((signer.issuer === undefined) === (signer.serial === undefined), 'one way to name it')
    for (const by of certificates) {
      isNamedBy(signer, by)
      refusedBy(() => assertCmsSigned(data, by, 'it'))
    }
    return `taken ${sent.length} ${signer.scheme.key} ${signer.digest}`
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.message
  }
}

/** Nobody signed what a target makes. */
function refusedBy(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (error instanceof Denial) return
    throw error
  }
  holds(false, 'nobody signed it')
}

const DATA = der.oid('1.2.840.113549.1.7.1')
const DIGESTS = ['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.3', '1.3.14.3.2.26', '1.2.3'] // biome-ignore format: a row
const SCHEMES = [
  der.sequence(der.oid('1.2.840.113549.1.1.1'), der.null()),
  der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null()),
  der.sequence(der.oid('1.2.840.10045.4.3.2')),
  der.sequence(der.oid('1.2.840.113549.1.1.1'), der.integer(1)),
  der.sequence(der.oid('1.2.840.10040.4.1')),
]
const attribute = (id: string, value: Buffer): Buffer => der.sequence(der.oid(id), der.set(value))

function generate(random: Random): Buffer {
  // mostly what belongs there
  const odd = <T>(good: T, ...others: readonly T[]): T => (random(12) === 0 ? pick(random, others) : good) // biome-ignore format: one line
  const wrap = odd<typeof der.element>(der.element, der.indefinite)
  const version = odd(1, 3, 2)
  const content = Buffer.alloc(random(300), random(256))
  const body = odd(
    der.octets(content),
    der.indefinite(0x24, der.octets(content), der.octets(content)),
    der.set(),
  )
  const attributes = Array.from({ length: odd(0, 1, 33) }, (_, i) =>
    attribute(`1.2.${i}`, der.null()),
  )
  attributes.push(attribute('1.2.840.113549.1.9.3', odd(DATA, der.oid('1.2.3'))))
  attributes.push(attribute('1.2.840.113549.1.9.4', der.octets(Buffer.alloc(32, random(256)))))
  if (random(20) === 0) attributes.splice(random(attributes.length), 1 + random(2))
  if (random(20) === 0) attributes.push(attributes[0] ?? der.null())
  const digest = der.sequence(
    der.oid(pick(random, DIGESTS)),
    ...odd([der.null()], [], [der.integer(1)]),
  )
  const issuer =
    random(2) === 0 ? der.sequence(der.text(0x0c, 'x')) : (certificates[1]?.issuer as Uint8Array)
  const named = der.sequence(issuer, der.integer(odd(7, 300)))
  const signer = der.sequence(
    der.integer(odd(version, 1, 3)),
    version === 3 ? der.element(0x80, Buffer.from('id')) : named,
    digest,
    ...odd([der.explicit(0, ...attributes)], []),
    random(2) === 0 ? (SCHEMES[0] as Buffer) : pick(random, SCHEMES),
    der.octets(Buffer.alloc(random(300), 1)),
    ...odd([], [der.explicit(1)]),
  )
  const sent = certificates.map(({ der }) => der)
  const data = wrap(
    0x30,
    der.integer(version),
    der.set(...odd([digest], [], [digest, digest])),
    wrap(0x30, odd(DATA, der.oid('1.2.3')), ...odd([wrap(0xa0, body)], [])),
    ...odd(
      [],
      [der.explicit(0, ...sent)],
      [der.explicit(0, ...Array<Uint8Array>(9).fill(der.sequence()))],
    ),
    ...odd([], [der.explicit(1)]),
    der.set(...Array.from({ length: odd(1, 0, 2) }, () => signer)),
  )
  if (random(100) === 0) return Buffer.alloc(64 * 1024 + random(3), 0x30)
  if (random(100) === 0) return der.indefinite(0x30, Buffer.alloc(10_000, Buffer.of(0x05, 0x00)))
  return wrap(0x30, odd(der.oid('1.2.840.113549.1.7.2'), DATA), wrap(0xa0, data))
}
