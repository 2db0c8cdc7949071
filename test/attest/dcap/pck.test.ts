// Reading the SGX extension of PCK certificates: which platform, which TCB.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pckChainOf } from '../../../src/attest/dcap/chain.ts'
import { readPck } from '../../../src/attest/dcap/pck.ts'
import { parseQuote } from '../../../src/attest/dcap/quote.ts'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { makeIntelPki } from '../synthetic/intel-pki.ts'
import { CHIP } from '../synthetic/tdx.ts'

const folder = `${import.meta.dirname}/../../fixtures/attestation/tdx`
const NOW = Date.parse('2026-11-28T00:00:00Z')

function pckOf(name: string) {
  return readPck(pckChainOf(parseQuote(readFileSync(`${folder}/${name}.quote.dat`)))[0])
}

describe('a genuine PCK certificate', () => {
  it('of the platform CA names platform, components and configuration', () => {
    const { ppid, cpuSvn, platformInstanceId, ...pck } = pckOf('phala-tdx')
    expect(pck).toEqual({
      fmspc: 'b0c06f000000',
      pceId: '0000',
      svns: [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
      pceSvn: 11,
      configuration: { dynamicPlatform: true, cachedKeys: true, smtEnabled: true },
    })
    expect([ppid.length, cpuSvn.length, platformInstanceId?.length]).toEqual([16, 16, 16])
  })

  it('of the processor CA has neither configuration nor platform instance, and components above 127', () => {
    const pck = pckOf('phala-sgx')
    expect([pck.fmspc, pck.pceId, pck.pceSvn]).toEqual(['00a067110000', '0000', 13])
    expect(pck.svns).toEqual([11, 11, 2, 2, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect([pck.configuration, pck.platformInstanceId]).toEqual([undefined, undefined])
  })
})

describe('a certificate that is no PCK certificate', () => {
  const { pck, signer } = makeIntelPki('pck', CHIP, NOW)

  function refusal(der: Uint8Array): string {
    try {
      readPck(Certificate.parse(der))
      return 'read'
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      return `${error.reason}: ${error.detail}`
    }
  }

  /** The certificate with one piece of its extension replaced by another of the same length. */
  function replaced(from: string, to: string): Buffer {
    const hex = Buffer.from(pck.der).toString('hex')
    expect(hex.split(from)).toHaveLength(2)
    return Buffer.from(hex.replace(from, to), 'hex')
  }
  const oid = (...arcs: string[]): string =>
    `060${(9 + arcs.length).toString(16)}2a864886f84d010d01${arcs.join('')}`

  it('is read as long as nothing is changed', () => {
    expect(refusal(pck.der)).toBe('read')
  })

  it.each([
    ['without the extension', () => signer.der, 'PCK certificate: no SGX extension'],
    ['without FMSPC', () => replaced(oid('04'), oid('08')), 'SGX extension: no FMSPC'],
    ['with PCEID twice', () => replaced(oid('04'), oid('03')), 'SGX extension: entry 3 twice'],
    ['with an entry of another tree', () => replaced(oid('04'), oid('04').replace('0d01', '0d02')), 'SGX extension: an entry of another kind'],
    ['without component 3', () => replaced(oid('02', '03'), oid('02', '14')), 'SGX extension: no component SVN'],
    ['with a component below zero', () => replaced(`${oid('02', '01')}020105`, `${oid('02', '01')}0201ff`), 'component SVN: a number out of bounds'],
    ['with a PCESVN of another type', () => replaced(`${oid('02', '11')}02010d`, `${oid('02', '11')}04010d`), 'PCESVN: another type than expected'],
    ['with an FMSPC of another type', () => replaced(`${oid('04')}0406`, `${oid('04')}0306`), 'FMSPC: another type than expected'],
  ])('%s', (_, der, why) => {
    expect(refusal(der())).toBe(`evidence.malformed: ${why}`)
  }) // biome-ignore format: a table reads better in rows

  it('has components and PCESVN within their sizes', () => {
    const large = (chip: object): string =>
      refusal(makeIntelPki('pck', { ...CHIP, ...chip }, NOW).pck.der)
    expect(large({ svns: CHIP.svns.with(4, 256) })).toBe(
      'evidence.malformed: SGX extension: component SVN above 255',
    )
    expect(large({ pceSvn: 65536 })).toBe('evidence.malformed: SGX extension: PCESVN above 65535')
    expect(large({ fmspc: '50806f' })).toBe(
      'evidence.malformed: SGX extension: FMSPC is not of 6 bytes',
    )
  })
})
