// The certificate extensions of RFC 5280 section 4.2 that chains are judged by, as values; no judgement.
import { malformed } from '../denial.ts'
import { type Certificate, EXTENSION } from './certificate.ts'
import { contextPrimitive, Der, TAG } from './der.ts'

export interface BasicConstraints {
  readonly isAuthority: boolean
  readonly pathLength: number | undefined
}

/** Bits of KeyUsage by name (4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const

/** Undefined: the extension is absent. */
export function basicConstraintsOf(certificate: Certificate): BasicConstraints | undefined {
  const extension = certificate.extensions.get(EXTENSION.basicConstraints)
  if (!extension) return undefined
  const what = 'basicConstraints'
  const inside = contentOf(extension.value, what)
  const isAuthority = inside.tag === TAG.boolean ? inside.boolean(what) : false
  const pathLength = inside.tag === TAG.integer ? inside.small(what) : undefined
  inside.finish(what)
  return { isAuthority, pathLength }
}

/** Undefined: the extension is absent, which limits nothing. */
export function keyUsageOf(certificate: Certificate): readonly boolean[] | undefined {
  const extension = certificate.extensions.get(EXTENSION.keyUsage)
  if (!extension) return undefined
  const whole = new Der(extension.value)
  // the intermediates of AMD are padded to the octet
  const bits = whole.namedBits('keyUsage', true)
  whole.finish('keyUsage')
  return bits
}

/** Undefined: the extension is absent. */
export function extKeyUsageOf(certificate: Certificate): readonly string[] | undefined {
  const extension = certificate.extensions.get(EXTENSION.extKeyUsage)
  if (!extension) return undefined
  const inside = contentOf(extension.value, 'extKeyUsage')
  const purposes: string[] = []
  while (!inside.isDone) purposes.push(inside.oid('extKeyUsage'))
  if (purposes.length === 0) throw malformed('extKeyUsage: an empty list')
  return purposes
}

/** Content of the OCTET STRING in authorityKeyIdentifier [0] or subjectKeyIdentifier; a hint, never a proof. */
export function keyIdentifierOf(
  certificate: Certificate,
  of: 'subject' | 'authority',
): Uint8Array | undefined {
  if (of === 'subject') {
    const extension = certificate.extensions.get(EXTENSION.subjectKeyIdentifier)
    return extension && new Der(extension.value).octets('subjectKeyIdentifier')
  }
  const extension = certificate.extensions.get(EXTENSION.authorityKeyIdentifier)
  if (!extension) return undefined
  const what = 'authorityKeyIdentifier'
  return contentOf(extension.value, what).optional(contextPrimitive(0), what)?.rest()
}

/** The content of the one SEQUENCE that an extension's value is. */
export function contentOf(value: Uint8Array, what: string): Der {
  const whole = new Der(value)
  const inside = whole.enter(TAG.sequence, what)
  whole.finish(what)
  return inside
}
