// Tokens signed by keys of a test in the wire form of the real ones, and sets of such keys. Synthetic: no issuer stands behind them.
import { constants, type KeyObject, sign } from 'node:crypto'
import type { Collateral } from '../../../src/attest/collateral.ts'
import { NOW } from './authority.ts'

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signed as the header says, whatever it says of anything else. */
export function token(header: object, payload: object | string, key: KeyObject): Buffer {
  const { alg = 'RS256' } = header as { alg?: string }
  const input = `${encode({ alg, ...header })}.${encode(payload)}`
  return Buffer.from(`${input}.${signed(alg, Buffer.from(input), key).toString('base64url')}`)
}

function signed(alg: string, input: Buffer, key: KeyObject): Buffer {
  const hash = `sha${alg.slice(2)}`
  if (alg.startsWith('ES')) return sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })
  const padding = constants.RSA_PKCS1_PSS_PADDING
  if (alg.startsWith('PS'))
    return sign(hash, input, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
  return sign(/^sha\d+$/.test(hash) ? hash : 'sha256', input, key)
}

export const jwk = (key: KeyObject, more: object = {}): object => ({
  ...key.export({ format: 'jwk' }),
  ...more,
})

/** As it was fetched at the time of the tests. */
export function keySet(issuer: string, keys: readonly object[], receivedAt = NOW): Collateral {
  const bytes = Buffer.from(JSON.stringify({ keys }))
  return new Map([[`jwks:${issuer}`, { bytes, receivedAt }]])
}
