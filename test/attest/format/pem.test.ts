// PEM: blocks by their labels, strictly base64 between them; what is around blocks does not count.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readPem } from '../../../src/attest/format/pem.ts'

const block = (label: string, body: string, end = label): string =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${end}-----\n`

it('gives every block in its order, and passes over text around them', () => {
  const text = `# a comment\n${block('CERTIFICATE', 'AQID')}between\n${block('X509 CRL', 'BAUG\r\n BwgJ')}`
  expect(readPem(text).map(({ label, bytes }) => [label, [...bytes]])).toEqual([
    ['CERTIFICATE', [1, 2, 3]],
    ['X509 CRL', [4, 5, 6, 7, 8, 9]],
  ])
  expect(readPem('no block')).toEqual([])
})

it('reads what was written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const body = Buffer.from(bytes).toString('base64').replace(/.{64}/g, '$&\n')
      expect(readPem(block('A', body)).map((one) => [...one.bytes])).toEqual([[...bytes]])
    }),
  )
})

it.each([
  ['-----BEGIN CERTIFICATE', 'a label that does not end'],
  ['-----BEGIN CERTIFICATE-----\nAQID\n', 'a block that does not end'],
  [block('CERTIFICATE', 'AQID', 'KEY'), 'a block that does not end'],
  [block('CERTIFICATE', ''), 'no base64'],
  [block('CERTIFICATE', 'AQI'), 'no base64'],
  [block('CERTIFICATE', 'AQ-_'), 'no base64'],
  [block('CERTIFICATE', 'AQID=AQI'), 'no base64'],
  [block('CERTIFICATE', 'Proc-Type: 4\n\nAQID'), 'no base64'],
])('is refused: %j, %s', (text, why) => {
  expect(() => readPem(text)).toThrow(`PEM: ${why}`)
})

it('has bounds', () => {
  const three = block('A', 'AQID').repeat(3)
  expect(() => readPem(three, { bytes: 1000, blocks: 2 })).toThrow('too many blocks')
  expect(() => readPem(three, { bytes: 20, blocks: 9 })).toThrow('larger than its limit: PEM')
})
