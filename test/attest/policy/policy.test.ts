// What an appraisal policy may say: its closed schema, its dates and references, and how its faults are told.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { policyFileSchema } from '../../../src/app/attestation/policies.ts'
import { EVIDENCE_TYPES } from '../../../src/attest/evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../../../src/attest/evidence/media.ts'
import { VERIFIERS } from '../../../src/attest/evidence/table.ts'
import { MRTD, policyOf, problemsOf, tdxPolicy } from './world.ts'

describe('an appraisal policy', () => {
  it('is what it says, with every default in place', () => {
    const { sha256, ...policy } = policyOf(tdxPolicy())
    expect(sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(policy).toMatchObject({
      id: 'confidential',
      mode: 'enforce',
      appliesTo: undefined,
      package: undefined,
      evidence: {
        require: [{ anyOf: ['tdx'] }],
        challengeTtl: 120_000,
        maxEvidenceAge: 300_000,
        binding: ['spki'],
        builds: undefined,
      },
      result: {
        ttl: 21_600_000,
        interval: 3_600_000,
        jitter: 0.1,
        on: ['tls-key-change', 'policy-change', 'collateral-revoked'],
      },
    })
  })

  it('has the digest of its file, so that whoever has the file can compare', () => {
    expect(policyOf(tdxPolicy()).sha256).not.toBe(policyOf(`${tdxPolicy()}# a comment\n`).sha256)
  })

  it('names a day as the whole of it: what ends on one ends with its last millisecond', () => {
    const { references } = policyOf(tdxPolicy())
    expect(references['rv:td']?.notAfter).toBe(Date.parse('2025-06-30T23:59:59.999Z'))
  })

  it('has reference values in place of their ids', () => {
    const { evidence } = policyOf(tdxPolicy())
    expect(evidence?.sections.tdx).toMatchObject({
      reference: {
        mrtd: { [MRTD]: { id: 'rv:td', notAfter: Date.parse('2025-06-30T23:59:59.999Z') } },
      },
    })
  })

  it('lets the later end count where two builds have one measurement', () => {
    const text = tdxPolicy({ tdx: '{ reference: { mrtd: [rv:td, rv:later] } }' })
    const later = `  rv:later: { values: ["${MRTD}"], not_after: 2026-01-01 }\n`
    const { evidence } = policyOf(`${text}${later}`)
    expect(evidence?.sections.tdx).toMatchObject({
      reference: { mrtd: { [MRTD]: { id: 'rv:later' } } },
    })
  })

  it('may demand one of several kinds, all of several, or none', () => {
    const requireOf = (evidence: string) => policyOf(tdxPolicy({ evidence })).evidence?.require
    const sgx = '  sgx: { reference: { mrenclave: [] } }'
    expect(requireOf(`  require: { any_of: [tdx, sgx] }\n${sgx}`)).toEqual([
      { anyOf: ['tdx', 'sgx'] },
    ])
    expect(requireOf(`  require: { all_of: [tdx, sgx] }\n${sgx}`)).toEqual([
      { anyOf: ['tdx'] },
      { anyOf: ['sgx'] },
    ])
    expect(
      policyOf(
        'version: 1\nid: a\nevidence: { require: none }\npackage: { reference: { command: [] } }',
      ).evidence?.require,
    ).toEqual([])
  })
})

describe('the schema of policies', () => {
  const { schema } = policyFileSchema()

  it('is a schema that its dialect accepts', () => {
    const ajv = new Ajv2020({ strict: false })
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true)
  })

  it('is closed wherever it names members: what is misspelt is an error', () => {
    const open: string[] = []
    walk(schema as Node, '', (node, path) => {
      if (node.properties && node.additionalProperties === undefined && !isPart(path))
        open.push(path)
    })
    expect(open).toEqual([])
  })

  it('has a section for every kind of evidence that can be verified', () => {
    const { properties = {} } = (schema as Node).properties?.evidence ?? {}
    for (const type of EVIDENCE_TYPES)
      expect([type, Object.hasOwn(properties, EVIDENCE_KINDS[type].section)]).toEqual([type, true])
    expect(Object.keys(VERIFIERS).sort()).toEqual([...EVIDENCE_TYPES].sort())
  })
})

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly [keyword: string]: unknown
}

/** Branches say more of an object that is closed outside them. */
const isPart = (path: string): boolean => /\/(?:anyOf|oneOf|allOf|if|then|else)\b/.test(path)

function walk(node: unknown, path: string, visit: (node: Node, path: string) => void): void {
  if (typeof node !== 'object' || node === null) return
  if (!Array.isArray(node) && !path.endsWith('/properties')) visit(node as Node, path)
  for (const [name, inner] of Object.entries(node)) walk(inner, `${path}/${name}`, visit)
}

describe('a wrong policy is refused with file, line and column:', () => {
  const wrong: readonly (readonly [string, string, readonly string[]])[] = [
    ['an empty file', '', ['policy.yaml:1:1: the policy is empty; it starts with "version: 1"']],
    [
      'a key that is not known',
      tdxPolicy({ rest: 'resutl: { ttl: 1h }' }),
      ['policy.yaml:13:1: unknown key "resutl" (did you mean result?)'],
    ],
    [
      'a key that is not known in the section of a kind of evidence',
      tdxPolicy({ tdx: '{ reference: { mrtd: [rv:td] }, alow_debug: true }' }),
      ['policy.yaml:5:40: unknown key "alow_debug" in evidence.tdx (did you mean allow_debug?)'],
    ],
    [
      'a reference value that is not there',
      tdxPolicy({ tdx: '{ reference: { mrtd: [rv:tt] } }' }),
      ['policy.yaml:5:30: there is no rv:tt in reference_values (did you mean rv:td?)'],
    ],
    [
      'a digest that is none',
      tdxPolicy({ tdx: '{ reference: { mrtd: ["sha384:AB"] } }' }),
      [
        'policy.yaml:5:30: evidence.tdx.reference.mrtd[0]: expected an id of reference_values such as rv:build-12, or a digest in lower case hex such as sha384:..., or raw:..., found "sha384:AB"',
      ],
    ],
    [
      'a toleration without an end',
      tdxPolicy({ tdx: '{ reference: { mrtd: [rv:td] }, tolerate: [{ status: OutOfDate }] }' }),
      ['policy.yaml:5:51: evidence.tdx.tolerate[0]: the key "until" is missing'],
    ],
    [
      'a day that there is not',
      tdxPolicy({
        tdx: '{ reference: { mrtd: [rv:td] }, tolerate: [{ status: OutOfDate, until: 2027-02-30 }] }',
      }),
      [
        'policy.yaml:5:79: there is no such day; a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z',
      ],
    ],
    [
      'a demand for what no section judges',
      tdxPolicy({ evidence: '  require: { any_of: [tdx, tpm] }' }),
      ['policy.yaml:4:12: evidence.tpm is missing, and evidence.require names it'],
    ],
    [
      'an identity that is to stand for a platform',
      tdxPolicy({
        evidence: '  require: { any_of: [tdx, gcp-identity] }\n  token: { issuers: [] }',
      }),
      [
        'policy.yaml:4:12: evidence.require.any_of: a document of identity cannot stand for evidence of a platform',
      ],
    ],
    [
      'a demand for nothing',
      'version: 1\nid: a\nevidence: { require: none }',
      ['policy.yaml:1:1: the policy asks for nothing: neither tls, evidence nor package'],
    ],
    [
      'an empty demand',
      tdxPolicy({ evidence: '  require: { any_of: [] }' }),
      [
        'policy.yaml:4:22: evidence.require.any_of: the list is empty; name at least one or leave the key out',
      ],
    ],
    [
      'one policy for commands and for servers of the network',
      tdxPolicy({ rest: 'package: { reference: { command: [] } }' }),
      [
        'policy.yaml:13:10: package: a command has no TLS and no evidence; write one policy for commands and one for servers of the network',
      ],
    ],
    [
      'results that end before they are made anew',
      tdxPolicy({ rest: 'result: { ttl: 1h }' }),
      [
        'policy.yaml:13:9: result.reattest.interval: must be shorter than result.ttl, or every result ends before the next',
      ],
    ],
  ]
  for (const [name, text, expected] of wrong)
    it(name, () => {
      expect(problemsOf(text)).toEqual(expected)
    })

  it('includes nothing: a policy stands for itself, and so does its digest', () => {
    expect(problemsOf(tdxPolicy({ rest: 'include: [other.yaml]' })).join()).toContain(
      'policy.yaml:13:1: unknown key "include"',
    )
  })

  it('substitutes nothing: a variable in it is text', () => {
    expect(problemsOf(tdxPolicy({ rest: 'mode: "${env:MODE}"' }))).toEqual([
      'policy.yaml:13:7: mode: expected one of enforce, observe, found "${env:MODE}"',
    ])
  })
})
