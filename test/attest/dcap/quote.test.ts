// Reading DCAP quotes: what stands where, and which bytes are no quote.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseQuote } from '../../../src/attest/dcap/quote.ts'
import { Denial } from '../../../src/attest/denial.ts'
import { makeDcap } from '../synthetic/tdx.ts'

const folder = `${import.meta.dirname}/../../fixtures/attestation/tdx`
const quoteOf = (name: string): Buffer => readFileSync(`${folder}/${name}.quote.dat`)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const NOW = Date.parse('2026-11-28T00:00:00Z')

function refusal(bytes: Uint8Array): string {
  try {
    parseQuote(bytes)
    return 'read'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}: ${error.detail}`
  }
}

/** The same bytes with others from `at` on. */
function changed(bytes: Uint8Array, at: number, ...others: number[]): Buffer {
  const copy = Buffer.from(bytes)
  copy.set(others, at)
  return copy
}

describe('a genuine quote', () => {
  it('of version 3 is of an enclave', () => {
    const quote = parseQuote(quoteOf('phala-sgx'))
    expect([quote.version, quote.tee, quote.signed.length, quote.trailing]).toEqual([
      3,
      'sgx',
      432,
      0,
    ])
    expect(Buffer.from(quote.body.reportData.subarray(0, 13)).toString()).toBe('Hello, world!')
    if (quote.tee !== 'sgx') return
    expect(hex(quote.body.mrEnclave)).toBe(
      '33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb',
    )
    expect([quote.body.isvProdId, quote.body.isvSvn, quote.qe.isvProdId, quote.qe.isvSvn]).toEqual([
      0, 0, 1, 10,
    ])
  })

  it('of version 4 is of a trust domain, and its padding belongs to nothing', () => {
    const bytes = quoteOf('phala-tdx')
    const quote = parseQuote(bytes)
    expect([quote.version, quote.tee, quote.signed.length, quote.trailing]).toEqual([
      4,
      'tdx',
      632,
      0,
    ])
    if (quote.tee !== 'tdx') return
    expect(hex(quote.body.teeTcbSvn)).toBe('06010300000000000000000000000000')
    expect(hex(quote.body.attributes)).toBe('0000001000000000')
    expect(hex(quote.body.mrTd)).toMatch(/^91eb2b44d141d4ec/)
    expect(quote.body.rtmrs.map((one) => hex(one).slice(0, 8))).toEqual([
      '44c0197b',
      '0084452c',
      'd833feef',
      '00000000',
    ])
    expect(quote.body.mrServiceTd).toBeUndefined()
    expect(parseQuote(Buffer.concat([bytes, Buffer.alloc(3000)])).trailing).toBe(0)
    expect(parseQuote(bytes.subarray(0, -70)).signed).toEqual(quote.signed)
  })

  it('of version 5 has a TD 1.5 body, and its signature is over the descriptor too', () => {
    const quote = parseQuote(quoteOf('goog-tdx-v5'))
    expect([quote.version, quote.tee, quote.signed.length]).toEqual([5, 'tdx', 48 + 6 + 648])
    expect(quote.tee === 'tdx' && quote.body.mrServiceTd?.length).toBe(48)
  })

  it('with bytes after its end that are not zero is refused, or they are cut off and counted', () => {
    const bytes = quoteOf('goog-tdx-v4')
    expect(refusal(bytes)).toBe(
      'evidence.malformed: quote: 39 bytes after its declared end that are not padding',
    )
    const cut = parseQuote(bytes, { trimTrailing: true })
    expect([cut.trailing, cut.signed.length]).toEqual([39, 632])
    expect(refusal(bytes.subarray(0, -39))).toBe('read')
  })
})

describe('what is no quote', () => {
  const { quote, at } = makeDcap({ now: NOW })
  const { quote: v5 } = makeDcap({ now: NOW, version: 5 })
  const { quote: sgx } = makeDcap({ now: NOW, tee: 'sgx' })

  it.each([
    ['nothing', Buffer.alloc(0), 'malformed: quote header: ends early'],
    ['too much', Buffer.alloc(32 * 1024 + 1), 'too_large: quote'],
    ['version 2', changed(quote, 0, 2), 'unsupported: quote version'],
    ['version 6', changed(quote, 0, 6), 'unsupported: quote version'],
    ['a key of P-384', changed(quote, 2, 3), 'unsupported: quote attestation key that is not of P-256'],
    ['another TEE', changed(quote, 4, 0x82), 'unsupported: quote TEE type'],
    ['a TEE type above 16 bits', changed(quote, 4, 0x81, 0, 1), 'unsupported: quote TEE type'],
    ['version 3 of a trust domain', changed(sgx, 4, 0x81), 'unsupported: quote TEE type'],
    ['another vendor of the QE', changed(quote, 12, 0), 'unsupported: quote of a QE that is not of Intel'],
    ['an unknown body', changed(v5, 48, 4), 'unsupported: quote body type'],
    ['a body of the other TEE', changed(v5, 48, 1), 'malformed: quote body: type, size and TEE type do not agree'],
    ['a body of another size', changed(v5, 50, 0x48), 'malformed: quote body: type, size and TEE type do not agree'],
    ['a body that is cut', quote.subarray(0, 600), 'malformed: quote body: ends early'],
    ['a length beyond the end', changed(quote, 632, 0xff, 0xff), 'malformed: quote auth data: ends early'],
    ['a length of four bytes', changed(quote, 632, 0, 0, 0, 0xff), 'malformed: quote auth data: ends early'],
    ['cut by one', quote.subarray(0, -1), 'malformed: quote auth data: ends early'],
    ['no QE report', changed(quote, at.key + 64, 5), 'unsupported: quote certification data without a QE report'],
    ['no PCK chain', changed(quote, at.chain - 6, 1), 'unsupported: quote certification data that is no PCK chain'],
    ['a chain that is shorter', changed(quote, at.chain - 4, quote.readUInt32LE(at.chain - 4) - 1), 'malformed: quote auth data: more than belongs to it'],
    ['a chain that is longer', changed(quote, at.chain - 3, 0xff), 'malformed: PCK chain: ends early'],
    ['reserved bytes of the QE report', changed(quote, at.qe + 20, 1), 'malformed: QE report: reserved bytes are set'],
    ['reserved bytes of the enclave report', changed(sgx, 48 + 303, 1), 'malformed: enclave report: reserved bytes are set'],
  ])('%s', (_, bytes, why) => {
    expect(refusal(bytes)).toBe(`evidence.${why}`)
  }) // biome-ignore format: a table reads better in rows

  it('is refused with a Denial, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6000 }), (bytes) => {
        expect(refusal(bytes)).toMatch(/^evidence\./)
      }),
    )
  })

  it('any cut of a quote', () => {
    fc.assert(
      fc.property(fc.nat(quote.length - 1), (end) => {
        expect(refusal(quote.subarray(0, end))).toMatch(/^evidence\.malformed/)
      }),
    )
  })
})
