// Every development case of x509-limbo against the path validator, within its budgets; what it disagrees with is named one by one.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
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
interface Case {
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
const { testcases } = JSON.parse(readFileSync(file, 'utf8')) as { testcases: readonly Case[] }

/** The one case that contradicts another one; see the README beside the file. */
const AUTHORITY_AS_LEAF = 'rfc5280::ca-as-leaf'
const DISAGREES = ['webpki::eku::root-has-eku']
/** Where a case says "now"; its certificates were made in November 2026 or are valid for centuries. */
const NOW = Date.UTC(2026, 10, 28)

const KINDS = { DNS: 'dns', IP: 'ip', RFC822: 'email' } as const
const der = (pem: string): Uint8Array => readPem(pem)[0]?.bytes ?? new Uint8Array()

/** Under which name a list is looked for. */
const listOf = (bytes: Uint8Array): string => crlIdOf(parseCrl(bytes).issuer)

interface Verdict {
  readonly result: 'SUCCESS' | 'FAILURE'
  readonly why: string
  readonly work: Work | undefined
}

function verdictOf(one: Case): Verdict {
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

describe('x509-limbo', () => {
  it.each(testcases.filter(({ id }) => !DISAGREES.includes(id)))('agrees about $id', (one) => {
    expect(verdictOf(one).result).toBe(one.expected_result)
  })

  it('is disagreed with in pedantic cases only, and in those that the README names', () => {
    const disagreeing = testcases.filter((one) => verdictOf(one).result !== one.expected_result)
    expect(disagreeing.map(({ id }) => id)).toEqual(DISAGREES)
    for (const { features } of disagreeing)
      expect(features.join()).toMatch(/pedantic|has-policy-constraints/)
  })

  it('is whole: 104 cases, 31 of them to be accepted', () => {
    const accepted = testcases.filter((one) => one.expected_result === 'SUCCESS')
    expect([testcases.length, accepted.length]).toEqual([104, 31])
  })

  it('takes no accepted case more than five signature checks and as many issuers', () => {
    for (const one of testcases) {
      const { work } = verdictOf(one)
      if (!work) continue
      expect(work.signatures).toBeLessThanOrEqual(5)
      expect(work.candidates).toBeLessThanOrEqual(5)
      expect(work.names).toBeLessThanOrEqual(10)
    }
  })

  it('ends pathological cases by its budgets, or finds that they lead nowhere', () => {
    const found = testcases
      .filter(({ id }) => id.startsWith('pathological::'))
      .map((one) => [one.id.slice('pathological::'.length), verdictOf(one).why])
    expect(Object.fromEntries(found)).toEqual({
      'intermediate-cycle-distinct-cas': 'tls.untrusted_anchor',
      'intermediate-cycle-distinct-cas-max-depth': 'tls.untrusted_anchor',
      'intermediate-cycle-same-logical-ca': 'tls.untrusted_anchor',
      'nc-dos-1': 'evidence.budget',
      'nc-dos-3': 'evidence.budget',
      'pathological-chain-distinct-subject-distinct-key': 'tls.chain',
      'pathological-chain-distinct-subject-same-key': 'tls.chain',
      'pathological-chain-same-subject-distinct-key': 'evidence.budget',
      'pathological-chain-same-subject-same-key': 'evidence.budget',
    })
  })
})
