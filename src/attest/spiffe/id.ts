// SPIFFE ids and X.509-SVIDs (SPIFFE-ID, X509-SVID sections 2 to 4): what one looks like and which rule it meets; no chain, no bundle.
import { Denial, malformed } from '../denial.ts'
import { type Certificate, EXTENSION } from '../format/certificate.ts'
import { basicConstraintsOf, extKeyUsageOf, KEY_USAGE, keyUsageOf } from '../format/extensions.ts'
import { namesIn } from '../format/general-name.ts'

export interface SpiffeId {
  readonly text: string
  readonly trustDomain: string
  /** With its slash; empty for the id of a trust domain. */
  readonly path: string
}

/** `exact`: one id. `domain`: every workload of a trust domain. `prefix`: every id below a path, which itself is not meant. */
export interface SpiffeRule {
  readonly match: 'exact' | 'domain' | 'prefix'
  readonly id: SpiffeId
}

const SCHEME = 'spiffe://'
const LONGEST_ID = 2048
const LONGEST_DOMAIN = 255
const DOMAIN = /^[a-z0-9._-]+$/
const SEGMENT = /^[A-Za-z0-9._-]+$/
const PURPOSES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] as const

/** Whether a server is called by a SPIFFE id; a name in the registry never looks like one. */
export const isSpiffeId = (text: string): boolean => text.startsWith(SCHEME)

/** Throws `evidence.malformed`: an id is of one spelling, so that equal ids are equal texts. */
export function parseSpiffeId(text: string): SpiffeId {
  const what = 'SPIFFE id'
  if (text.length > LONGEST_ID) throw malformed(`${what}: longer than ${LONGEST_ID}`)
  if (!text.startsWith(SCHEME)) throw malformed(`${what}: no ${SCHEME}`)
  const slash = text.indexOf('/', SCHEME.length)
  const trustDomain = slash === -1 ? text.slice(SCHEME.length) : text.slice(SCHEME.length, slash)
  if (trustDomain.length > LONGEST_DOMAIN || !DOMAIN.test(trustDomain))
    throw malformed(`${what}: no trust domain`)
  const path = slash === -1 ? '' : text.slice(slash)
  const segments = path === '' ? [] : path.slice(1).split('/')
  for (const segment of segments)
    if (!SEGMENT.test(segment) || segment === '.' || segment === '..')
      throw malformed(`${what}: a path segment that may not be`)
  return { text, trustDomain, path }
}

/** `spiffe://domain/path` is that id, `spiffe://domain/*` the domain, `spiffe://domain/path/*` what is below. Throws `policy.error`. */
export function parseSpiffeRule(text: string): SpiffeRule {
  const isBelow = text.endsWith('/*')
  try {
    const id = parseSpiffeId(isBelow ? text.slice(0, -2) : text)
    if (isBelow) return { match: id.path === '' ? 'domain' : 'prefix', id }
    if (id.path !== '') return { match: 'exact', id }
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    throw new Denial('policy.error', error.detail)
  }
  throw new Denial('policy.error', `${text}: a trust domain alone; write ${text}/*`)
}

/** On boundaries of segments: `/a/*` does not meet `/ab`. An id that is none meets no rule. */
export function matchesSpiffe(id: string, { match, id: ruled }: SpiffeRule): boolean {
  if (match === 'exact') return id === ruled.text
  return id.startsWith(`${ruled.text}/`) && isId(id)
}

/** Returns the SPIFFE id. Throws `tls.svid`. */
export function checkX509Svid(leaf: Certificate): string {
  return asSvid(() => {
    const id = idIn(leaf)
    if (!id) throw malformed('no URI in subjectAltName')
    if (id.path === '') throw malformed('the id of a trust domain, not of a workload')
    if (basicConstraintsOf(leaf)?.isAuthority) throw malformed('a certificate authority')
    const usage = usageIn(leaf)
    if (!usage[KEY_USAGE.digitalSignature]) throw malformed('keyUsage without digitalSignature')
    if (usage[KEY_USAGE.keyCertSign] || usage[KEY_USAGE.crlSign])
      throw malformed('keyUsage of an authority')
    const purposes = extKeyUsageOf(leaf)
    if (purposes && !PURPOSES.every((purpose) => purposes.includes(purpose)))
      throw malformed('extKeyUsage without both serverAuth and clientAuth')
    return id.text
  })
}

/** A certificate that signs SVIDs: an authority, and its id, if it has one, is that of a trust domain. Throws `tls.svid`. */
export function checkSvidAuthority(certificate: Certificate): void {
  asSvid(() => {
    if (!basicConstraintsOf(certificate)?.isAuthority)
      throw malformed('an issuer that is no certificate authority')
    if (!usageIn(certificate)[KEY_USAGE.keyCertSign])
      throw malformed('an issuer without keyCertSign')
    const id = idIn(certificate)
    if (id && id.path !== '') throw malformed('an issuer with the id of a workload')
  })
}

/** What stands malformed in an SVID makes it none. */
function asSvid<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    throw new Denial('tls.svid', error.detail)
  }
}

function usageIn(certificate: Certificate): readonly boolean[] {
  const usage = keyUsageOf(certificate)
  if (!usage || !certificate.extensions.get(EXTENSION.keyUsage)?.critical)
    throw malformed('keyUsage is absent or not critical')
  return usage
}

/** The one URI of subjectAltName; undefined: it has none. */
function idIn(certificate: Certificate): SpiffeId | undefined {
  const [uri, ...more] = namesIn(certificate, 'uri')
  if (more.length > 0) throw malformed('more than one URI in subjectAltName')
  return uri === undefined ? undefined : parseSpiffeId(uri)
}

function isId(text: string): boolean {
  try {
    parseSpiffeId(text)
    return true
  } catch {
    return false
  }
}
