// Parts of SEV-SNP documents: the certificate table of an extended report, and what AMD writes into certificates.
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import {
  productOfCpuid,
  readSnpCertificate,
  tcbOf,
  vcekUrl,
} from '../../../src/attest/snp/certificate.ts'
import { readSnpReport } from '../../../src/attest/snp/report.ts'
import { readSnpTable } from '../../../src/attest/snp/table.ts'
import { der } from '../../support/der-writer.ts'
import { makeCertificate } from '../synthetic/certificate.ts'
import { makeTable } from '../synthetic/snp-table.ts'
import { outcomeOf, readChain, readFixture, runOf, vector } from '../vectors.ts'

const refusal = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    if (error instanceof Denial) return `${error.reason} ${error.detail}`
    throw error
  }
  return undefined
}

describe('a certificate table', () => {
  const vcek = readFixture('snp/coco-milan.vcek.der')
  const [ask, ark] = readChain('snp/ask_ark_milan.pem') as [Uint8Array, Uint8Array]
  const table = makeTable([['vcek', vcek], ['other', Buffer.of(1, 2)], ['ask', ask], ['ark', ark]]) // biome-ignore format: one line

  it('is read by name; what is not known is passed over', () => {
    const found = readSnpTable(table)
    expect([...found.keys()]).toEqual(['vcek', 'ask', 'ark'])
    expect(Buffer.from(found.get('ask') ?? [])).toEqual(Buffer.from(ask))
  })

  it('stands for the endorsements of a report', () => {
    const run = runOf(vector('snp', 'a Milan report is accepted'))
    const beside = (cert: Uint8Array) =>
      outcomeOf({
        ...run,
        item: {
          ...run.item,
          endorsements: { cert_table: Buffer.from(cert).toString('base64url') },
        },
      }).verdict
    expect(beside(table)).toBe('accept')
    expect(beside(makeTable([['vcek', vcek]]))).toBe('accept')
    expect(beside(makeTable([['ask', ask]]))).toBe('verify: evidence.collateral_missing')
    expect(beside(makeTable([['vcek', ask]]))).toBe('verify: evidence.malformed')
  })

  const broken = (at: number, value: number) => {
    const changed = Buffer.from(table)
    changed.writeUInt32LE(value, at)
    return changed
  }
  it.each([
    ['nothing', new Uint8Array(), 'evidence.malformed certificate table: does not end'],
    [
      'one cut after its first entry',
      table.subarray(0, 24),
      'evidence.malformed certificate table: an entry out of bounds',
    ],
    [
      'an entry twice',
      makeTable([
        ['ask', ask],
        ['ask', ask],
      ]),
      'evidence.malformed certificate table: an entry twice',
    ],
    [
      'an offset out of bounds',
      broken(16, 0xffffffff),
      'evidence.malformed certificate table: an entry out of bounds',
    ],
    [
      'a length out of bounds',
      broken(20, 0xffffffff),
      'evidence.malformed certificate table: an entry out of bounds',
    ],
    [
      'seventeen entries',
      makeTable(Array(17).fill(['other', Buffer.of(1)])),
      'evidence.too_large certificate table',
    ],
    ['more than 64 KiB', Buffer.alloc(65_537), 'evidence.too_large certificate table'],
  ] as const)('%s is refused', (_, bytes, says) => {
    expect(refusal(() => readSnpTable(bytes))).toBe(says)
  })
})

describe('endorsements', () => {
  const run = runOf(vector('snp', 'a Milan report is accepted'))
  const { vcek, chain } = run.item.endorsements
  it.each([
    ['no text', { vcek: 1, chain }, 'evidence.malformed'],
    ['with padding', { vcek: `${vcek}=`, chain }, 'evidence.malformed'],
    ['of the other alphabet', { vcek: '+/8', chain }, 'evidence.malformed'],
    ['with bits left over', { vcek: 'AB', chain }, 'evidence.malformed'],
    ['too long', { vcek: 'A'.repeat(98_308), chain }, 'evidence.too_large'],
    ['whose chain is no list', { vcek, chain: vcek }, 'evidence.malformed'],
    ['whose chain is a list of others', { vcek, chain: [null] }, 'evidence.malformed'],
    ['whose chain is of nine', { vcek, chain: Array(9).fill('AAAA') }, 'evidence.too_large'],
    ['of a prototype', Object.create({ vcek, chain }), 'evidence.collateral_missing'],
  ] as const)('%s are refused', (_, endorsements, reason) => {
    const { verdict } = outcomeOf({ ...run, item: { ...run.item, endorsements } })
    expect(verdict).toBe(`verify: ${reason}`)
  })
})

describe('a certificate of AMD', () => {
  const read = (file: string) => readSnpCertificate(Certificate.parse(readFixture(file)))

  it('of Milan names a stepping, which is no other product', () => {
    const { product, tcb, hwid, cspId } = read('snp/coco-milan.vcek.der')
    expect([product, hwid?.length, cspId]).toEqual(['Milan', 64, undefined])
    expect(tcbOf('Milan', tcb)).toEqual({ bl: 3, tee: 0, snp: 8, ucode: 115 })
  })

  it('of Turin has a level more, another order, and eight bytes of chip id', () => {
    const { product, tcb, hwid } = read('snp/virtee-turin.vcek.der')
    expect([product, hwid?.length, tcb.length]).toEqual(['Turin', 8, 8])
    expect(Object.keys(tcbOf(product, tcb))).toEqual(['fmc', 'bl', 'tee', 'snp', 'ucode'])
  })

  it('for a provider names it, and no chip', () => {
    const { hwid, cspId } = read('snp/coco-milan-vlek.vlek.der')
    expect([hwid, cspId]).toEqual([undefined, 'CN=cc-us-east-2.amazonaws.com'])
  })

  it('without what AMD writes is refused', () => {
    const [ask] = readChain('snp/ask_ark_milan.pem') as [Uint8Array]
    expect(refusal(() => readSnpCertificate(Certificate.parse(ask)))).toBe(
      'evidence.malformed AMD certificate: no product',
    )
  })
})

describe('a certificate as AMD writes it, but for one thing', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const arc = '1.3.6.1.4.1.3704.1'
  const levels = Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((last) => [`${arc}.3.${last}`, der.integer(last)])) // biome-ignore format: one line
  const genuine = { [`${arc}.2`]: der.text(0x16, 'Milan-B1'), ...levels, [`${arc}.4`]: Buffer.alloc(64, 1) } // biome-ignore format: one line
  const read = (changed: Readonly<Record<string, Uint8Array | undefined>>) => {
    const all = Object.entries({ ...genuine, ...changed })
    const extensions = all.flatMap(([oid, value]) => (value ? [[oid, value] as const] : []))
    const issuer = { name: 'SEV-Milan', key: privateKey }
    const made = makeCertificate({ subject: 'SEV-VCEK', publicKey, issuer, notBefore: 0, notAfter: 1, extensions }) // biome-ignore format: one line
    return refusal(() => readSnpCertificate(Certificate.parse(made)))
  }

  it('is read without the change', () => {
    expect(read({})).toBeUndefined()
  })

  it.each([
    ['no product', { [`${arc}.2`]: undefined }, 'evidence.malformed AMD certificate: no product'],
    [
      'a product nobody knows',
      { [`${arc}.2`]: der.text(0x16, 'Rome-B0') },
      'evidence.unsupported AMD certificate: product',
    ],
    [
      'a product with more behind it',
      { [`${arc}.2`]: Buffer.concat([der.text(0x16, 'Milan'), Buffer.of(0)]) },
      'evidence.malformed AMD certificate: more than belongs to it',
    ],
    [
      'a chip id of 63 bytes',
      { [`${arc}.4`]: Buffer.alloc(63, 1) },
      'evidence.malformed AMD certificate: length of the hardware id',
    ],
    [
      'a level left out',
      { [`${arc}.3.3`]: undefined },
      'evidence.malformed AMD certificate: a component of the TCB is missing',
    ],
    [
      'a level above 255',
      { [`${arc}.3.3`]: der.integer(256) },
      'evidence.malformed AMD certificate: a component of the TCB is no byte',
    ],
    [
      'a level that is no number',
      { [`${arc}.3.3`]: der.boolean(true) },
      'evidence.malformed AMD certificate: another type than expected',
    ],
  ])('%s', (_, changed, says) => {
    expect(read(changed)).toBe(says)
  })
})

it('a key is asked for by as many bytes of the chip id as the product has, and not when there are more', () => {
  const tcb = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 5)
  const chip = Buffer.alloc(64)
  chip.fill(0xab, 0, 8)
  expect(vcekUrl('Turin', chip, tcb)).toBe(
    'https://kdsintf.amd.com/vcek/v1/Turin/abababababababab?fmcSPL=1&blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=5',
  )
  chip[8] = 1
  expect(vcekUrl('Turin', chip, tcb)).toBeUndefined()
})

it('a processor is of the product that its keys are of', () => {
  const of = (family: number, model: number) => productOfCpuid({ family, model })
  expect([of(0x19, 0x01), of(0x19, 0x11), of(0x19, 0xa0), of(0x1a, 0x02), of(0x1a, 0x11)]).toEqual([
    'Milan',
    'Genoa',
    'Genoa',
    'Turin',
    'Turin',
  ])
  expect([of(0x17, 0x31), of(0x19, 0x20), of(0x1a, 0x20)]).toEqual(Array(3).fill(undefined))
})

it('whatever the bytes, nothing but a denial is thrown', () => {
  const report = readFixture('snp/coco-milan.report.bin')
  const place = fc.record({ at: fc.nat(1180), part: fc.uint8Array({ minLength: 1, maxLength: 4 }) })
  fc.assert(
    fc.property(fc.array(place, { maxLength: 4 }), (places) => {
      const bytes = Buffer.from(report)
      for (const { at, part } of places) bytes.set(part.subarray(0, 1184 - at), at)
      refusal(() => readSnpReport(bytes))
      refusal(() => readSnpTable(bytes))
      refusal(() => Certificate.parse(bytes))
    }),
  )
})
