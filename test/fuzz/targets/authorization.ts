// Fuzz target: the field Authorization. Only what is of one form, of one reading and for us gets through, and nothing of it is in what is said.
import { isAppError } from '../../../src/base/errors.ts'
import { mintKey } from '../../../src/identity/api-key.ts'
import { type Bearer, parseBearer } from '../../../src/identity/bearer.ts'
import { checkClaims, provenBy } from '../../../src/identity/oauth/claims.ts'
import { parseStrict } from '../../../src/identity/oauth/strict-json.ts'
import { LONGEST_TOKEN, parseToken } from '../../../src/identity/oauth/token.ts'
import type { IssuerOptions } from '../../../src/identity/options.ts'
import { holds } from '../holds.ts'
import { pick, type Random } from '../random.ts'
import type { Reading, Target } from '../target.ts'

const NOW = 1_795_824_000
const AUDIENCE = 'https://gateway.example.com/mcp'
const ISSUER: IssuerOptions = {
  issuer: 'https://idp.example.com',
  name: 'corp',
  algorithms: ['RS256'],
  audiences: ['tools'],
  roles_claim: 'realm.roles',
  tenant_claim: 'org',
}
const CLAIMS = { iss: ISSUER.issuer, sub: 'alice', aud: AUDIENCE, exp: NOW + 60, org: 'acme' }
const EXPECTED = { issuer: ISSUER, audience: AUDIENCE, now: NOW, skew: 30 }

export const authorization: Target = {
  name: 'authorization',
  files: [
    'src/identity/bearer.ts',
    'src/identity/oauth/token.ts',
    'src/identity/oauth/strict-json.ts',
    'src/identity/oauth/claims.ts',
  ],
  tokens: ['Bearer ', 'bearer  ', 'Basic ', 'pcl_ci-1_', 'eyJhbGciOiJSUzI1NiJ9', '.', '=', '-', '_', '"alg"', '"aud":', '\\u0061ud'], // biome-ignore format: a row
  runs: 10_000,
  branches: 90,
  generate: (random) => Buffer.from(`${pick(random, SCHEMES)}${pick(random, MAKERS)(random)}`),
  run(bytes) {
    const text = bytes.toString('latin1')
    checkJson(bytes)
    try {
      const bearer = parseBearer(text)
      holds(/^bearer/i.test(text) && text.length <= LONGEST_TOKEN + 8, 'one form is taken')
      return bearer.kind === 'key' ? ofKey(bearer) : ofToken(bearer.token)
    } catch (error) {
      if (!isAppError(error)) throw error
      holds(error.code === 'AUTH_INVALID', `a refusal is AUTH_INVALID, not ${error.code}`)
      for (const part of text.split(/[ .]/))
        holds(part.length < 12 || !error.message.includes(part), 'nothing given is in the message')
      return { accepted: false, trait: error.message }
    }
  },
}

function ofKey({ key, id }: Extract<Bearer, { kind: 'key' }>): Reading {
  if (id === undefined) return { accepted: false, trait: 'key mistyped' }
  holds(key.startsWith(`pcl_${id}_`), 'a key begins with its id')
  return { accepted: true, trait: 'key' }
}

function ofToken(token: string): Reading {
  const parsed = parseToken(token)
  holds(token.split('.').length === 3, 'a token has three parts')
  holds(parsed.alg.slice(0, 2) !== 'HS', 'no secret verifies')
  checkClaims(parsed, EXPECTED)
  const proven = provenBy(parsed.claims, ISSUER)
  const { aud, exp, iss } = parsed.claims
  holds(iss === ISSUER.issuer, 'its issuer is the one it is checked for')
  holds(
    [aud].flat().some((one) => one === AUDIENCE || one === 'tools'),
    'it is for us',
  )
  holds(Number(exp) > NOW - 30, 'it has not ended')
  holds(/^corp#[^\p{Cc}]+$/u.test(proven.id), 'its subject is within its issuer')
  holds(proven.tenant !== undefined && proven.tenant.length <= 64, 'it has a tenant')
  holds(!Object.hasOwn(proven.claims, 'portcullis/credential'), 'it does not say what it is')
  return { accepted: true, trait: `token ${parsed.typ} ${proven.kind} ${proven.roles.length > 0}` }
}

/** Strict JSON is JSON, and one more member of a name that is there makes it none. */
function checkJson(bytes: Buffer): void {
  const value = parseStrict(bytes)
  if (value === undefined) return
  const text = bytes.toString()
  holds(JSON.stringify(JSON.parse(text)) === JSON.stringify(value), 'it is read as JSON is')
  const [name] = Object.keys(value)
  if (name === undefined) return
  const twice = `${text.slice(0, text.lastIndexOf('}'))},${JSON.stringify(name)}:0}`
  holds(parseStrict(Buffer.from(twice)) === undefined, 'a name stands once')
}

const SCHEMES = [...Array.from({ length: 12 }, () => 'Bearer '), 'bearer  ', 'Basic ', 'Bearer', '']
const encode = (text: string): string => Buffer.from(text).toString('base64url')

const HEADERS: readonly object[] = [
  { typ: 'at+jwt' }, { typ: 'JWT' }, { typ: 'id_token' }, { typ: 1 }, { kid: 'a' }, { kid: 1 }, { alg: 'none' }, { alg: 'HS256' }, { crit: [] }, { jku: 'x' },
] // biome-ignore format: a table reads better in rows
const CHANGES: readonly object[] = [
  { client_id: 'app', iat: NOW, jti: '1' }, { client_id: 'alice' }, { azp: 'alice' }, { aud: ['x', 'tools'] }, { aud: 'x' }, { aud: [1] }, { aud: 1 },
  { exp: NOW - 31 }, { exp: 'x' }, { exp: undefined }, { nbf: NOW + 31 }, { iat: NOW + 31 }, { iat: NOW + 90, exp: NOW + 40 }, { iat: NOW + 20, exp: NOW + 10 }, { iss: 'x' }, { sub: '' }, { sub: 1 },
  { nonce: 'x' }, { typ: 'Refresh' }, { typ: 'Bearer' }, { scope: 'a b' }, { scp: ['a'] }, { scope: 1 }, { scope: [1] }, { org: 1 }, { org: ['a', 'b'] }, { org: '' },
  { realm: { roles: ['a'] } }, { realm: { roles: 'a' } }, { realm: [] }, { 'realm.roles': ['b'] }, { 'portcullis/credential': 'api_key' }, { deep: { a: [[{}]] } },
] // biome-ignore format: a table reads better in rows

function makeToken(random: Random): string {
  const some = (from: readonly object[]): object => (random(5) === 0 ? pick(random, from) : {})
  const header = JSON.stringify({ alg: 'RS256', ...some(HEADERS) })
  const claims = JSON.stringify({ ...CLAIMS, ...some(CHANGES), ...some(CHANGES) })
  const twice = random(20) === 0 ? claims.replace('}', ',"iss":1}') : claims
  return `${encode(header)}.${encode(twice)}.${encode('signature')}`
}

const makeKey = (random: Random): string =>
  mintKey('ci-1', (size) => Uint8Array.from({ length: size }, () => random(256))).key

const MAKERS: readonly ((random: Random) => string)[] = [
  ...Array.from({ length: 9 }, () => makeToken),
  ...Array.from({ length: 3 }, () => makeKey),
  (random) => `pcl_ci-1_${encode(String(random(1e9)))}`,
  () => `a.${'b'.repeat(LONGEST_TOKEN)}.c`,
  () => `${'b'.repeat(LONGEST_TOKEN - 4)}.c.d`,
]
