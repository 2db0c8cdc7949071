// Fuzz target: SPIFFE ids, rules and X.509-SVIDs. An id is of one spelling, and a rule is met on boundaries of segments only.
import { Denial } from '../../../../src/attest/denial.ts'
import { Certificate } from '../../../../src/attest/format/certificate.ts'
import {
  checkSvidAuthority,
  checkX509Svid,
  matchesSpiffe,
  parseSpiffeId,
  parseSpiffeRule,
  type SpiffeId,
} from '../../../../src/attest/spiffe/id.ts'
import { der } from '../../../support/der-writer.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'

export const spiffe: Target = {
  name: 'spiffe',
  files: ['src/attest/spiffe/id.ts'],
  tokens: ['spiffe://', '/', '..', '.', '*', '/*', '%2f', '@', ':', '?', '#', 'prod.test', 'A', '_', '-', '\0', ' '],
  runs: 8000,
  branches: 90,
  generate: (random) => (random(2) === 0 ? Buffer.from(idText(random)) : certificate(random)),
  run(bytes) {
    if (bytes[0] === 0x30) return { accepted: true, trait: `certificate ${svid(bytes)}` }
    const text = bytes.toString('latin1')
    checkRule(text)
    const id = tried(() => parseSpiffeId(text), 'evidence.malformed')
    if (typeof id === 'string') return { accepted: false, trait: id }
    checkId(text, id)
    return { accepted: true, trait: `id ${id.path.split('/').length} ${text.length >> 6}` }
  },
} // biome-ignore format: short

function checkId(text: string, { text: same, trustDomain, path }: SpiffeId): void {
  holds(same === text && `spiffe://${trustDomain}${path}` === text, 'an id is its parts')
  holds(!/[A-Z%@:?#*\s]/.test(trustDomain), 'a domain is in lower case and only a domain')
  holds(!/[%@:?#*\s]|\/\/|\/$|\/\.{1,2}(?:\/|$)/.test(path), 'a path has one spelling')
  holds(new URL(text).pathname === path, 'it is read as URLs are')
  if (path === '') return
  holds(matchesSpiffe(text, parseSpiffeRule(text)), 'an id meets its own rule')
  holds(matchesSpiffe(text, parseSpiffeRule(`spiffe://${trustDomain}/*`)), 'and that of its domain')
  holds(!matchesSpiffe(`${text}x`, parseSpiffeRule(text)), 'a longer one is another one')
  const below = parseSpiffeRule(`${text}/*`)
  holds(matchesSpiffe(`${text}/x`, below), 'what is below is met')
  for (const near of [text, `${text}x/y`, `${text}/`, `${text}/../x`])
    holds(!matchesSpiffe(near, below), 'nothing beside it is')
}

function checkRule(text: string): void {
  const rule = tried(() => parseSpiffeRule(text), 'policy.error')
  if (typeof rule === 'string') return
  holds(!matchesSpiffe(`spiffe://other.example/${rule.id.path}`, rule), 'another domain never is')
}

/** What the check says; whatever it takes has one id of a workload. */
function svid(bytes: Buffer): string {
  const read = tried(() => Certificate.parse(bytes), 'evidence.malformed')
  if (typeof read === 'string') return read
  const authority = tried(() => checkSvidAuthority(read) ?? true, 'tls.svid')
  const id = tried(() => ({ id: checkX509Svid(read) }), 'tls.svid')
  holds(typeof authority === 'string' || typeof id === 'string', 'nothing is leaf and authority')
  if (typeof id === 'string') return `${id} ${authority}`
  holds(parseSpiffeId(id.id).path !== '', 'a leaf has the id of a workload')
  return `taken ${authority}`
}

function tried<T>(act: () => T, reason: Denial['reason']): T | string {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    holds(error.reason === reason || error.reason === 'evidence.too_large', `it is ${reason}`)
    return error.message
  }
}

const SEGMENTS = [
  'a',
  'mcp',
  'files',
  'A.b_c-9',
  '...',
  '.',
  '..',
  '',
  '%61',
  'é',
  'a b',
  'x'.repeat(300),
]

function idText(random: Random): string {
  const segment = () => pick(random, random(4) === 0 ? SEGMENTS : SEGMENTS.slice(0, 5))
  const domain = pick(random, random(4) === 0 ? ['', 'Prod', 'a:1', 'u@a', 'd'.repeat(256)] : ['prod.test', 'a_b-c.9']) // biome-ignore format: one line
  const path = Array.from({ length: random(5) }, () => `/${segment()}`).join('')
  return `${random(20) === 0 ? 'https://' : 'spiffe://'}${domain}${path}${random(12) === 0 ? '/*' : ''}`
}

const NAME = der.sequence()
const KEY = der.sequence(der.sequence(der.oid('1.2.840.10045.2.1')), der.bits(Buffer.alloc(4)))
const ALGORITHM = der.sequence(der.oid('1.2.840.10045.4.3.2'))
const PURPOSES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

function certificate(random: Random): Buffer {
  const odd = <T>(good: T, ...others: readonly T[]): T => (random(6) === 0 ? pick(random, others) : good) // biome-ignore format: one line
  const isAuthority = random(3) === 0
  const id = (text: string) => der.element(0x86, Buffer.from(text, 'latin1'))
  const good = isAuthority ? [id('spiffe://prod.test')] : [id('spiffe://prod.test/a')]
  const names = odd(good, [], [...good, ...good], [id(idText(random))], [der.element(0x82, Buffer.from('a.test')), ...good], Array<Buffer>(1025).fill(der.element(0x82))) // biome-ignore format: one line
  const usage = odd(isAuthority ? [1, 6] : [7, 128], [1, 6], [7, 128], [1, 130], [0, 1, 2, 3], [])
  const purposes = odd(PURPOSES, PURPOSES.slice(1), [])
  const extension = (of: string, isCritical: boolean, value: Buffer): Buffer[] =>
    odd(
      [der.sequence(der.oid(of), ...(isCritical ? [der.boolean(true)] : []), der.octets(value))],
      [],
    )
  const extensions = [
    ...extension('2.5.29.19', true, isAuthority ? der.sequence(der.boolean(true)) : der.sequence()),
    ...extension('2.5.29.15', odd(true, false), der.element(0x03, Buffer.from(usage))),
    ...extension('2.5.29.17', false, der.sequence(...names)),
    ...extension('2.5.29.37', false, der.sequence(...purposes.map(der.oid))),
  ]
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(7),
    ALGORITHM,
    NAME,
    der.sequence(der.generalizedTime(0), der.generalizedTime(1e12)),
    NAME,
    KEY,
    der.explicit(3, der.sequence(...extensions)),
  )
  return der.sequence(tbs, ALGORITHM, der.bits(Buffer.alloc(4)))
}
