// The development cases of x509-limbo and what the path validator says of each; a table, no expectation of its own.
import { readFileSync } from 'node:fs'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { parseCrl } from '../../../src/attest/format/crl.ts'
import { readPem } from '../../../src/attest/format/pem.ts'
import { crlIdOf } from '../../../src/attest/path/crl-source.ts'
import type { ExpectedName } from '../../../src/attest/path/named.ts'
import { PURPOSE } from '../../../src/attest/path/profile.ts'
import { checkRevocation } from '../../../src/attest/path/revocation.ts'
import { LIMITS, readChain, validatePath, type Work } from '../../../src/attest/path/validate.ts'

interface Name {
  readonly kind: 'DNS' | 'IP' | 'RFC822'
  readonly value: string
}
export interface Case {
  readonly id: string
  readonly features: readonly string[]
  readonly validation_kind: 'SERVER' | 'CLIENT'
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly expected_peer_name: Name | null
  readonly expected_peer_names: readonly Name[]
  readonly max_chain_depth: number | null
  readonly crls: readonly string[]
}

const file = new URL('../../fixtures/attestation/x509-limbo/limbo-dev.json', import.meta.url)
export const { testcases } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly testcases: readonly Case[]
}

/** The one case that contradicts another one; see the README beside the file. */
const AUTHORITY_AS_LEAF = 'rfc5280::ca-as-leaf'
export const DISAGREES = ['webpki::eku::root-has-eku']
/** Where a case says "now"; its certificates were made in November 2026 or are valid for centuries. */
const NOW = Date.UTC(2026, 10, 28)

const KINDS = { DNS: 'dns', IP: 'ip', RFC822: 'email' } as const
const der = (pem: string): Uint8Array => readPem(pem)[0]?.bytes ?? new Uint8Array()

/** Under which name a list is looked for. */
const listOf = (bytes: Uint8Array): string => crlIdOf(parseCrl(bytes).issuer)

export interface Verdict {
  readonly result: 'SUCCESS' | 'FAILURE'
  readonly why: string
  readonly work: Work | undefined
}

export function verdictOf(one: Case): Verdict {
  const asked = [one.expected_peer_name, ...one.expected_peer_names].filter((name) => name !== null)
  const names = asked.map(({ kind, value }): ExpectedName => ({ kind: KINDS[kind], value }))
  try {
    const chain = [one.peer_certificate, ...one.untrusted_intermediates].map(der)
    const now = one.validation_time === null ? NOW : Date.parse(one.validation_time)
    const { work, path } = validatePath({
      chain: readChain(chain, 'tls'),
      anchors: one.trusted_certs.map((pem, at) => ({
        id: String(at),
        certificate: Certificate.parse(der(pem)),
      })),
      now,
      family: 'tls',
      purpose: one.validation_kind === 'CLIENT' ? PURPOSE.client : PURPOSE.server,
      authorityAsLeaf: one.id === AUTHORITY_AS_LEAF,
      ...(names.length > 0 && { names }),
      ...(one.max_chain_depth !== null && {
        limits: { intermediates: Math.min(one.max_chain_depth, LIMITS.intermediates) },
      }),
    })
    // a list of another issuer is none of this certificate, and limbo wants no list for every issuer
    const policy = { mode: 'prefer', sources: ['crl'], max_age: 0, clock_skew: 0 } as const
    const lists = one.crls
      .map(der)
      .map((bytes) => [listOf(bytes), { bytes, receivedAt: now }] as const)
    checkRevocation({ path, policy, now, family: 'tls', collateral: new Map(lists) })
    return { result: 'SUCCESS', why: '', work }
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return { result: 'FAILURE', why: error.reason, work: undefined }
  }
}
