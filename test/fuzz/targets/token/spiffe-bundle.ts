// Fuzz target: SPIFFE trust bundles and the sets of keys they are. A bundle is of the domain that was asked, and never goes back.
import { readFileSync } from 'node:fs'
import { Denial } from '../../../../src/attest/denial.ts'
import { newerBundle, parseSpiffeBundle } from '../../../../src/attest/spiffe/bundle.ts'
import { keyNamed, publicKeyOf, readJwks } from '../../../../src/attest/token/jwks.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'

const DAY = 86_400_000
const known = parseSpiffeBundle(Buffer.from('{"keys":[],"spiffe_sequence":5}'), 'prod.test')

export const spiffeBundle: Target = {
  name: 'spiffe-bundle',
  files: ['src/attest/spiffe/bundle.ts', 'src/attest/token/jwks.ts'],
  tokens: ['"keys":[', '"x509-svid"', '"jwt-svid"', '"use":', '"kid":', '"x5c":', '"spiffe_sequence":', '"spiffe_refresh_hint":', '"kty":"RSA"', '"kty":"OKP"'], // biome-ignore format: a row
  runs: 3000,
  branches: 90,
  generate,
  run(bytes) {
    const keys = tried(() => readJwks(bytes, 'it'))
    if (typeof keys !== 'string')
      for (const key of keys) {
        tried(() => publicKeyOf(key, 'it').key)
        tried(() => keyNamed(keys, key.kid, 'it'))
      }
    const bundle = tried(() => parseSpiffeBundle(bytes, 'prod.test'))
    if (typeof bundle === 'string') return { accepted: false, trait: bundle }
    const { jwtKeys, authorities, refreshAfter, sequence, trustDomain } = bundle
    holds(trustDomain === 'prod.test', 'it is of the domain that was asked')
    holds(refreshAfter >= 300_000 && refreshAfter <= DAY, 'it is asked for anew in time')
    holds(
      jwtKeys.every(({ kid }) => kid),
      'every JWT key has its name',
    )
    const next = tried(() => newerBundle(known, bundle))
    holds((next === bundle) === (sequence !== undefined && sequence > 5), 'it does not go back')
    holds(typeof newerBundle(undefined, bundle) === 'object', 'the first one is taken')
    return { accepted: true, trait: `bundle ${authorities.length} ${jwtKeys.length} ${sequence}` }
  },
}

function tried<T extends object>(act: () => T): T | string {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return error.message
  }
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/attestation/spiffe/${name}`, import.meta.url), 'utf8')) as { keys: [{ x5c: [string] }, object] } // biome-ignore format: one line
const { keys: GOOD } = fixture('spiffebundle_valid_1.json')
const x5c = GOOD[0].x5c
const KEYS: readonly unknown[] = [
  ...GOOD, ...GOOD, { ...GOOD[0], kid: 'a' }, { ...GOOD[0], x5c: undefined }, { ...GOOD[0], x5c: [] }, { ...GOOD[0], x5c: ['AAAA'] }, { ...GOOD[0], x5c: 'A' }, { ...GOOD[0], use: 'sig' },
  { ...GOOD[1], kid: undefined }, { ...GOOD[1], kid: 1 }, { ...GOOD[1], kid: '' }, { ...GOOD[1], kid: 'b' }, { ...GOOD[1], use: 'sig', kid: 'c', x: '=' }, { ...GOOD[1], use: 'sig', x: 'AA' },
  { kty: 'EC', use: 'sig', kid: 'd', x5c }, { kty: 'RSA' }, { kty: 'oct', k: 'AA' }, { kty: 1 }, {}, null,
] // biome-ignore format: a table reads better in rows

function generate(random: Random): Buffer {
  const odd = <T>(good: T, ...others: readonly T[]): T => (random(10) === 0 ? pick(random, others) : good) // biome-ignore format: one line
  const keys = Array.from({ length: odd(random(3), 65) }, () =>
    pick(random, random(3) === 0 ? KEYS : KEYS.slice(0, 2)),
  )
  const bundle = {
    keys: odd<unknown>(keys, undefined, {}),
    spiffe_sequence: odd<unknown>(random(10), undefined, -1, 1.5, '1', 2 ** 53),
    spiffe_refresh_hint: odd<unknown>(random(1e6), undefined, 'x', 2 ** 41),
  }
  return Buffer.from(JSON.stringify(bundle))
}
