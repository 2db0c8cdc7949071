// SPIFFE ids and rules, and what makes a certificate an SVID; bundles and paths are next door.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { readPem } from '../../../src/attest/format/pem.ts'
import {
  checkSvidAuthority,
  checkX509Svid,
  matchesSpiffe,
  parseSpiffeId,
  parseSpiffeRule,
} from '../../../src/attest/spiffe/id.ts'
import '../../support/property.ts'

const FIXTURES = new URL('../../fixtures/attestation/spiffe/', import.meta.url)
const chain = (name: string): Certificate[] =>
  readPem(readFileSync(new URL(name, FIXTURES), 'utf8')).map(({ bytes }) =>
    Certificate.parse(bytes),
  )

function denied(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof Denial) return `${error.reason}: ${error.detail}`
    throw error
  }
  return 'not denied'
}

describe('a SPIFFE id', () => {
  test('has a trust domain and a path', () => {
    expect(parseSpiffeId('spiffe://prod.example/mcp/files')).toEqual({
      text: 'spiffe://prod.example/mcp/files',
      trustDomain: 'prod.example',
      path: '/mcp/files',
    })
    expect(parseSpiffeId('spiffe://prod_1.example-2').path).toBe('')
    expect(parseSpiffeId('spiffe://a/A.b_c-9/...').path).toBe('/A.b_c-9/...')
  })

  test.each([
    '', 'spiffe://', 'spiffe:///a', 'SPIFFE://a/b', 'https://a/b', 'spiffe:/a/b', 'spiffe://A/b', 'spiffe://a:8443/b', 'spiffe://u@a/b',
    'spiffe://a/', 'spiffe://a//b', 'spiffe://a/b/', 'spiffe://a/.', 'spiffe://a/../b', 'spiffe://a/b?c', 'spiffe://a?c', 'spiffe://a/b#c',
    'spiffe://a/%62', 'spiffe://a%2fb/c', 'spiffe://a/b ', 'spiffe://a/b\n', 'spiffe://a/b\0', 'spiffe://é/b', 'spiffe://a/é', 'spiffe://a/*',
    `spiffe://${'a'.repeat(256)}/b`, `spiffe://a/${'b'.repeat(2048)}`,
  ])('is not %j', (text) => expect(denied(() => parseSpiffeId(text))).toMatch(/^evidence.malformed: SPIFFE id: /)) // biome-ignore format: a table

  test('may be 2048 bytes long', () =>
    expect(parseSpiffeId(`spiffe://a/${'b'.repeat(2037)}`).text.length).toBe(2048))

  test('is what its parts say, or is refused', () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aZ9._-/%: @?#é') }), (rest) => {
        const text = `spiffe://${rest}`
        const outcome = denied(() => {
          const { trustDomain, path } = parseSpiffeId(text)
          expect(`spiffe://${trustDomain}${path}`).toBe(text)
        })
        expect(outcome).toMatch(/^(not denied|evidence.malformed: SPIFFE id: )/)
      }),
    ))
})

describe('a rule', () => {
  test.each([
    ['spiffe://a/b', 'spiffe://a/b', true],
    ['spiffe://a/b', 'spiffe://a/b/c', false],
    ['spiffe://a/b', 'spiffe://a/B', false],
    ['spiffe://a/*', 'spiffe://a/b/c', true],
    ['spiffe://a/*', 'spiffe://a', false],
    ['spiffe://a/*', 'spiffe://a.b/c', false],
    ['spiffe://a/*', 'spiffe://a/../c', false],
    ['spiffe://a/b/*', 'spiffe://a/b/c', true],
    ['spiffe://a/b/*', 'spiffe://a/b', false],
    ['spiffe://a/b/*', 'spiffe://a/bc/d', false],
    ['spiffe://a/b/*', 'spiffe://a/b/', false],
  ])('%s with %s: %s', (rule, id, isMet) =>
    expect(matchesSpiffe(id, parseSpiffeRule(rule))).toBe(isMet),
  )

  test.each([
    'spiffe://a',
    '*',
    'spiffe://*',
    'spiffe://a/b*',
    'spiffe://a/*/c',
    'spiffe://a/b//*',
  ])('cannot be %s', (text) =>
    expect(denied(() => parseSpiffeRule(text))).toMatch(/^policy.error: /),
  )
})

describe('an X.509-SVID', () => {
  test.each(['good-leaf-only.pem', 'good-leaf-and-intermediate.pem'])('is %s', (name) =>
    expect(checkX509Svid(chain(name)[0] as Certificate)).toBe('spiffe://example.org/workload-1'),
  )

  test.each([
    ['wrong-leaf-ca-true.pem', 'tls.svid: a certificate authority'],
    ['wrong-leaf-cert-sign.pem', 'tls.svid: keyUsage of an authority'],
    ['wrong-leaf-no-digital-signature.pem', 'tls.svid: keyUsage without digitalSignature'],
  ])('is not %s', (name, why) =>
    expect(denied(() => checkX509Svid(chain(name)[0] as Certificate))).toBe(why),
  )

  test('is signed by an authority', () => {
    const [leaf, good] = chain('good-leaf-and-intermediate.pem') as [Certificate, Certificate]
    const [, wrong] = chain('wrong-intermediate-no-ca.pem') as [Certificate, Certificate]
    expect(denied(() => checkSvidAuthority(good))).toBe('not denied')
    expect(denied(() => checkX509Svid(good))).toBe(
      'tls.svid: the id of a trust domain, not of a workload',
    )
    const why = 'tls.svid: an issuer that is no certificate authority'
    expect(denied(() => checkSvidAuthority(wrong))).toBe(why)
    expect(denied(() => checkSvidAuthority(leaf))).toBe(why)
  })
})
