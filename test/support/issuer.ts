// A small authorization server over HTTP: metadata and keys, which tests turn, hold back and take away; and tokens, right and wrong ones.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Part = Readonly<Record<string, unknown>> | string

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** RSA takes a quarter of a second, so tests share keys. */
export function makeKey(kid: string, alg: 'RS256' | 'PS256' | 'ES256' | 'EdDSA'): SigningKey {
  const pair =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, alg, ...pair }
}

export function encode(part: Part): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

/** A token with this header and these claims, as they are, signed. A text is taken for the JSON itself. */
export function signed(header: Part, claims: Part, key: SigningKey): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${signature(input, key).toString('base64url')}`
}

/** With a secret, as HS256 has it. */
export function hmac(header: Part, claims: Part, secret: string | Buffer): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

function signature(input: string, { alg, privateKey }: SigningKey): Buffer {
  const bytes = Buffer.from(input)
  if (alg === 'EdDSA') return sign(null, bytes, privateKey)
  if (alg === 'ES256') return sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  // 6: RSA_PKCS1_PSS_PADDING, the salt as long as the digest
  if (alg === 'PS256') return sign('sha256', bytes, { key: privateKey, padding: 6, saltLength: 32 })
  return sign('sha256', bytes, privateKey)
}

export interface Issuer extends AsyncDisposable {
  readonly url: string
  /** Paths that were asked for. */
  readonly requests: string[]
  keys: SigningKey[]
  /** Members of every key that is published, over what it has. */
  extra: Record<string, unknown>
  metadata: Record<string, unknown>
  /** What it does instead of answering. */
  fault: 'none' | 'status' | 'silence' | 'large' | 'garbage'
}

/** `path`: of the issuer's identifier, such as `/realms/one`. */
export async function startIssuer(keys: SigningKey[], path = ''): Promise<Issuer> {
  const server = createServer((request, response) => {
    issuer.requests.push(request.url ?? '')
    if (issuer.fault === 'silence') return
    if (issuer.fault === 'status') return void response.writeHead(503).end('{}')
    if (issuer.fault === 'garbage') return void response.end('<html>')
    const body = documents()[request.url ?? '']
    if (body === undefined) return void response.writeHead(404).end()
    response.end(
      issuer.fault === 'large' ? JSON.stringify(body) + ' '.repeat(300_000) : JSON.stringify(body),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const documents = (): Record<string, unknown> => ({
    [`/.well-known/oauth-authorization-server${path}`]: {
      issuer: issuer.url,
      jwks_uri: `${origin}/keys`,
      ...issuer.metadata,
    },
    '/keys': {
      keys: issuer.keys.map(({ kid, alg, publicKey }) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid,
        alg,
        use: 'sig',
        ...issuer.extra,
      })),
    },
  })
  const issuer: Issuer = {
    url: origin + path,
    requests: [],
    keys,
    extra: {},
    metadata: {},
    fault: 'none',
    [Symbol.asyncDispose]: () => close(server),
  }
  return issuer
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
