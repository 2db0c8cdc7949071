// Parts of SEV-SNP documents: the certificate table of an extended report, and what AMD writes into certificates.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import {
  productOfCpuid,
  readSnpCertificate,
  tcbOf,
} from '../../../src/attest/format/snp-certificate.ts'
import { readSnpReport } from '../../../src/attest/format/snp-report.ts'
import { readSnpTable } from '../../../src/attest/format/snp-table.ts'
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
