// Whether a token was signed with a key; which key and which algorithm that may be was decided before.
import { invalid } from '../refusal.ts'
import type { PublicKey } from './jwk.ts'

type Jose = typeof import('jose')
type Imported = ReturnType<Jose['importJWK']>

/** Rejects with AUTH_INVALID. */
export type SignatureCheck = (token: string, alg: string, key: PublicKey) => Promise<void>

/**
 * The algorithm was chosen from the list of the issuer, and the key by the algorithm: neither can be passed off as another,
 * and there is no secret key that a public one could be taken for.
 */
export function createSignatureCheck(): SignatureCheck {
  const imported = new WeakMap<PublicKey, Map<string, Imported>>()

  function importOnce(key: PublicKey, alg: string, jose: Jose): Imported {
    const byAlgorithm = imported.get(key) ?? new Map<string, Imported>()
    imported.set(key, byAlgorithm)
    const known = byAlgorithm.get(alg) ?? jose.importJWK({ ...key.jwk }, alg)
    byAlgorithm.set(alg, known)
    return known
  }

  return async (token, alg, key) => {
    // not before a token comes: it is 25 ms of a cold start
    const jose = await import('jose')
    try {
      await jose.compactVerify(token, await importOnce(key, alg, jose), { algorithms: [alg] })
    } catch (error) {
      if (error instanceof jose.errors.JOSEError || isBadKey(error))
        throw invalid('the signature of the token is not that of its issuer')
      throw error
    }
  }
}

// what WebCrypto says of a key that is none
function isBadKey(error: unknown): boolean {
  return error instanceof TypeError || error instanceof DOMException
}
