// The names in subjectAltName and the addresses in authorityInfoAccess (RFC 5280 4.2.1.6, 4.2.2.1), read from the extensions themselves.
import { malformed } from '../denial.ts'
import { type Certificate, EXTENSION } from './certificate.ts'
import { contextPrimitive, type Der, latin1, TAG } from './der.ts'
import { contentOf } from './extensions.ts'

const KINDS = { dns: contextPrimitive(2), uri: contextPrimitive(6) } as const
const MOST = 256
const CA_ISSUERS = '1.3.6.1.5.5.7.48.2'

/** In their order, as they stand; empty where there is no subjectAltName. Throws `evidence.malformed`. */
export function namesIn(certificate: Certificate, kind: keyof typeof KINDS): readonly string[] {
  return each(certificate, EXTENSION.subjectAltName, 'subjectAltName', (names, what) => {
    const isWanted = names.tag === KINDS[kind]
    const name = names.next(what)
    return isWanted ? latin1(name.rest()) : undefined
  })
}

/** Where the certificate of the issuer may be had, as the certificate says. Throws `evidence.malformed`. */
export function issuerUrlsIn(certificate: Certificate): readonly string[] {
  return each(certificate, EXTENSION.authorityInfoAccess, 'authorityInfoAccess', (list, what) => {
    const one = list.enter(TAG.sequence, what)
    const isIssuer = one.oid(what) === CA_ISSUERS
    const isUri = one.tag === KINDS.uri
    const location = one.next(what)
    one.finish(what)
    return isIssuer && isUri ? latin1(location.rest()) : undefined
  })
}

function each(
  certificate: Certificate,
  oid: string,
  what: string,
  read: (list: Der, what: string) => string | undefined,
): readonly string[] {
  const extension = certificate.extensions.get(oid)
  if (!extension) return []
  const list = contentOf(extension.value, what)
  const found: string[] = []
  for (let count = 0; !list.isDone; count++) {
    if (count === MOST) throw malformed(`${what}: too many`)
    const one = read(list, what)
    if (one !== undefined) found.push(one)
  }
  return found
}
