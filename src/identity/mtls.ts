// From a client certificate that TLS verified to whom it proves, by SPIFFE id or by the mapping of the configuration.
import type { Clock } from '../base/clock.ts'
import type { AnyOf } from './authorize/rule.ts'
import { type CertificateNames, readCertificate, spiffeIdOf } from './certificate.ts'
import type { MtlsOptions } from './options.ts'
import type { Proven } from './principal.ts'
import { invalid } from './refusal.ts'

/** Undefined: it is of nobody that is known. Throws AUTH_INVALID for a certificate that nobody may use. */
export type CertificateReader = (der: Uint8Array) => Proven | undefined

interface Names extends CertificateNames {
  readonly spiffe: string | undefined
}

interface Mapping {
  /** What matched, such as `dns:ci.example.com`. */
  match(names: Names): string | undefined
  readonly principal: string | undefined
  readonly roles: readonly string[]
  readonly tenant: string | undefined
}

interface Known {
  readonly proven: Proven | undefined
  readonly from: number
  readonly to: number
}

/** Throws CONFIG_INVALID for a pattern that is none. */
export function createCertificateReader(
  options: MtlsOptions,
  { anyOf, clock }: { readonly anyOf: AnyOf; readonly clock: Pick<Clock, 'wall'> },
): CertificateReader {
  const trusted = new Set(options.trust_domains ?? [])
  const mappings = options.map.map((mapping) => compileMapping(mapping, anyOf))
  // by connection: a certificate is read once for all its requests
  const read = new WeakMap<Uint8Array, Known>()

  function identify(der: Uint8Array): Known {
    const names = readCertificate(der)
    const spiffe = spiffeIdOf(names)
    // of a foreign trust domain: whatever else it is called, it is nobody's here
    const isForeign = spiffe !== undefined && !trusted.has(spiffe.trustDomain)
    const proven = isForeign ? undefined : prove({ ...names, spiffe: spiffe?.id }, mappings)
    return { proven, from: names.from, to: names.to }
  }

  return (der) => {
    let known = read.get(der)
    if (known === undefined) {
      known = identify(der)
      read.set(der, known)
    }
    const now = clock.wall()
    if (now < known.from || now >= known.to)
      throw invalid('the client certificate has expired or is not valid yet')
    return known.proven
  }
}

function prove(names: Names, mappings: readonly Mapping[]): Proven | undefined {
  for (const { match, principal, roles, tenant } of mappings) {
    const matched = match(names)
    if (matched !== undefined) return service(principal ?? matched, names, { roles, tenant })
  }
  if (names.spiffe === undefined) return undefined
  return service(names.spiffe, names, { roles: [], tenant: undefined })
}

function service(
  id: string,
  { spiffe, dns, uri, email, commonName }: Names,
  given: Pick<Proven, 'roles' | 'tenant'>,
): Proven {
  const claims = { spiffe, dns, uri, email, common_name: commonName }
  const known = Object.entries(claims).filter(
    ([, value]) => value !== undefined && value.length > 0,
  )
  return {
    ...given,
    credential: 'certificate',
    id,
    kind: 'service',
    scopes: [],
    claims: Object.fromEntries(known),
  }
}

function compileMapping(mapping: MtlsOptions['map'][number], anyOf: AnyOf): Mapping {
  const { spiffe, dns, uri, email, common_name, principal, roles = [], tenant } = mapping
  const compile = (texts: readonly string[] | undefined, path: boolean) =>
    texts === undefined ? undefined : anyOf(texts, { path })
  const tests = [
    { kind: '', test: compile(spiffe, true), of: (names: Names) => listOf(names.spiffe) },
    { kind: 'dns:', test: compile(dns?.map(lower), false), of: (names: Names) => names.dns },
    // a SPIFFE id counts as such only, and only of a trust domain that is listed
    { kind: '', test: compile(uri, true), of: (names: Names) => names.uri.filter(isNoSpiffe) },
    { kind: 'email:', test: compile(email, false), of: (names: Names) => names.email },
    { kind: 'cn:', test: compile(common_name, false), of: (n: Names) => listOf(n.commonName) },
  ].filter(({ test }) => test !== undefined)
  return {
    principal,
    roles,
    tenant,
    // all that is given has to match; what is named first names the principal
    match(names) {
      let first: string | undefined
      for (const { kind, test, of } of tests) {
        const value = of(names).find((one) => test?.(one))
        if (value === undefined) return undefined
        first ??= kind + value
      }
      return first
    },
  }
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value]
}

function lower(text: string): string {
  return text.startsWith('/') ? text : text.toLowerCase()
}

function isNoSpiffe(uri: string): boolean {
  return !/^spiffe:/i.test(uri)
}
