// Revocation in the chains of vendors, over synthetic lists: what is asked for where, and what a list does to a verdict.
import { describe, expect, it } from 'vitest'
import type { Collateral } from '../../../src/attest/collateral.ts'
import { nitro } from '../../../src/attest/nitro/nitro.ts'
import { nitroSection } from '../../../src/attest/nitro/policy.ts'
import { sevSnpSection } from '../../../src/attest/snp/policy.ts'
import { sevSnp } from '../../../src/attest/snp/sev-snp.ts'
import { makeList } from '../synthetic/certificate.ts'
import { makeDocument, makeEnclave, nitroItem } from '../synthetic/nitro.ts'
import { type Chip, makeChip, makeReport, snpItem } from '../synthetic/snp.ts'
import { outcomeOf, policyOf, runOf, vector } from '../vectors.ts'

const NOW = Date.UTC(2026, 10, 28)
const DAY = 86_400_000
const binder = Buffer.alloc(64, 5)
const milan = 'https://kdsintf.amd.com/vcek/v1/Milan/crl'
const chip = makeChip({ crlUrl: milan })
const report = snpItem(chip, makeReport(chip, { reportData: binder }))
const [need] = sevSnp.needs?.(report, undefined as never) ?? []

const policy = policyOf(sevSnpSection({}), {
  products: ['Milan'],
  min_tcb: { Milan: { bl: 0, tee: 0, snp: 0, ucode: 0 } },
  reference: { measurement: [`sha384:${'4d'.repeat(48)}`] },
})
const given = (lists: readonly (readonly [string | undefined, Uint8Array])[]): Collateral =>
  new Map(lists.map(([id = '', bytes]) => [id, { bytes, receivedAt: NOW }]))
const at = (collateral: Collateral, roots = { amd: [chip.root] }) => ({
  now: NOW,
  skew: 60_000,
  expected: { kind: 'binder', bytes: binder } as const,
  roots,
  collateral,
})
const times = { thisUpdate: NOW - DAY, nextUpdate: NOW + DAY }
const withList = (list: Uint8Array) =>
  outcomeOf({ item: report, at: at(given([[need?.id, list]])), policy })

describe('a SEV-SNP report', () => {
  it('asks for the list of its intermediate at AMD', () => {
    expect(need).toMatchObject({ kind: 'crl', urls: [milan], required: false })
  })

  it('is accepted with a list that is genuine and of now, and says which', () => {
    const list = makeList({ issuer: chip.issuer, ...times, number: 9, revoked: [7] })
    const { verdict, claims } = withList(list)
    expect(verdict).toBe('accept')
    expect(claims?.flags.revocation).toBe('checked')
    expect(claims?.collateral).toMatchObject([
      {
        kind: 'crl',
        nextUpdate: NOW + DAY,
        number: 9,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ])
  })

  it('without a list says so, and is for the policy', () => {
    const { verdict, claims } = outcomeOf({ item: report, at: at(new Map()), policy })
    expect(verdict).toBe('appraise: evidence.collateral_missing')
    expect(claims?.flags.revocation).toBe('not checked')
  })

  it.each([
    [
      'names its intermediate',
      makeList({ issuer: chip.issuer, ...times, revoked: [2] }),
      'evidence.revoked',
    ],
    [
      'is past its time',
      makeList({ issuer: chip.issuer, ...times, nextUpdate: NOW - 1000 }),
      'evidence.collateral_stale',
    ],
    [
      'is of the future',
      makeList({ issuer: chip.issuer, ...times, thisUpdate: NOW + 61_000 }),
      'evidence.collateral_stale',
    ],
    [
      'is of another issuer',
      makeList({ issuer: { ...chip.issuer, name: 'ARK-Genoa' }, ...times }),
      'evidence.collateral_invalid',
    ],
    [
      'is signed by another',
      makeList({ issuer: makeChip().issuer, ...times }),
      'evidence.collateral_invalid',
    ],
    ['is none', Buffer.from('<html>'), 'evidence.collateral_invalid'],
  ] as const)('is refused with a list that %s', (_, list, reason) => {
    expect(withList(list).verdict).toBe(`verify: ${reason}`)
  })

  it('asks nobody but AMD, whatever its certificates point to', () => {
    for (const crlUrl of [
      'http://kdsintf.amd.com/vcek/v1/Milan/crl',
      'https://kdsintf.amd.com.example/crl',
      'http://169.254.169.254/',
    ]) {
      const other = makeChip({ crlUrl })
      const [asked] = sevSnp.needs?.(snpItem(other, report.bytes), undefined as never) ?? []
      expect(asked?.urls).toEqual([])
    }
  })

  it('whose certificates point to nothing is not checked', () => {
    const other = makeChip()
    const item = snpItem(other, makeReport(other, { reportData: binder }))
    expect(sevSnp.needs?.(item, undefined as never)).toEqual([])
    const run = { item, at: at(new Map(), { amd: [other.root] }), policy }
    expect(outcomeOf(run).claims?.flags.revocation).toBe('not checked')
  })
})

describe('a SEV-SNP report without its certificate', () => {
  const genoa = runOf(vector('snp', 'a Genoa report of version 5 is accepted'))
  const bare = { ...genoa.item, endorsements: {} }

  it('asks AMD for it, by chip and reported TCB, and for the list', () => {
    const [vcek, list] = sevSnp.needs?.(bare, undefined as never) ?? []
    expect(vcek).toMatchObject({ kind: 'certificate', required: true })
    expect(vcek?.urls).toEqual([
      'https://kdsintf.amd.com/vcek/v1/Genoa/d2421d976f95ce0ba849b7cc5c789122f1e59c77a037272c137ae4d188bb102adbc7c53d0302bff82a432c94a305dec7a7a270ceb19a10f04a83316c6486968d?blSPL=10&teeSPL=0&snpSPL=25&ucodeSPL=84',
    ])
    expect(list?.urls).toEqual(['https://kdsintf.amd.com/vcek/v1/Genoa/crl'])
  })

  it('is accepted with the one that AMD gives out', () => {
    const [vcek] = sevSnp.needs?.(bare, undefined as never) ?? []
    const der = Buffer.from(String(genoa.item.endorsements.vcek), 'base64url')
    const run = { ...genoa, item: bare, at: { ...genoa.at, collateral: given([[vcek?.id, der]]) } }
    expect(outcomeOf(run).verdict).toBe('accept')
    expect(outcomeOf({ ...genoa, item: bare }).verdict).toBe('verify: evidence.collateral_missing')
  })

  const refused = (item: typeof bare) => {
    expect(() => sevSnp.needs?.(item, undefined as never)).toThrow(
      'collateral that the verification needs is not there',
    )
    return outcomeOf({ ...genoa, item }).verdict
  }
  it.each([
    [
      'of version 2, as it names no product',
      (one: Chip) => makeReport(one, { reportData: binder, version: 2 }),
    ],
    [
      'of a masked chip',
      (one: Chip) => makeReport(one, { reportData: binder, patch: [[0x188, Uint8Array.of(0x17)]] }),
    ],
  ] as const)('is refused when it is %s', (_, make) => {
    expect(refused({ ...bare, bytes: make(chip) })).toBe('verify: evidence.collateral_missing')
  })

  it('by a VLEK is refused, as only its provider has that', () => {
    const vlek = makeChip({ cspId: 'CN=a.example' })
    const bytes = makeReport(vlek, { reportData: binder })
    expect(refused({ ...bare, bytes })).toBe('verify: evidence.collateral_missing')
  })

  it('of Turin asks with eight bytes of chip id and the level of the FMC', () => {
    const turin = makeChip({ product: 'Turin' })
    const bytes = makeReport(turin, { reportData: binder })
    const [vcek] = sevSnp.needs?.({ ...bare, bytes }, undefined as never) ?? []
    expect(vcek?.urls).toEqual([
      'https://kdsintf.amd.com/vcek/v1/Turin/c4c4c4c4c4c4c4c4?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=82',
    ])
  })
})

describe('a Nitro document', () => {
  const urls = [
    'http://aws-nitro-enclaves-crl.s3.amazonaws.com/crl/a.crl',
    'http://crl-us-east-1-aws-nitro-enclaves.s3.us-east-1.amazonaws.com/crl/b.crl',
  ] as const
  const enclave = makeEnclave({ startedAt: NOW, crlUrls: urls })
  const item = nitroItem(makeDocument(enclave, { timestamp: NOW, nonce: binder }))
  const needs = nitro.needs?.(item, undefined as never) ?? []
  const section = policyOf(nitroSection({}), {
    reference: { pcr0: [`sha384:${'a0'.repeat(48)}`] },
  })
  const verdict = (collateral: Collateral) =>
    outcomeOf({
      item,
      at: { ...at(collateral), roots: { nitro: [enclave.root] } },
      policy: section,
    })
  const lists = (revoked: readonly (readonly number[])[]): Collateral =>
    given(
      needs.map(({ id }, i) => {
        const issuer = enclave.issuers[needs.length - 1 - i]
        if (!issuer) throw new Error('no issuer')
        return [id, makeList({ issuer, ...times, revoked: revoked[i] ?? [] })]
      }),
    )

  it('asks for the lists of both intermediates that have one, at AWS', () => {
    expect(needs.map((one) => one.urls)).toEqual([[urls[1]], [urls[0]]])
  })

  it('is accepted when both are there, and not with one of them', () => {
    expect(verdict(lists([])).verdict).toBe('accept')
    expect(verdict(lists([])).claims?.collateral).toHaveLength(2)
    const [first] = lists([])
    expect(verdict(new Map(first ? [first] : [])).verdict).toBe(
      'appraise: evidence.collateral_missing',
    )
  })

  it('is refused when one of them names an intermediate', () => {
    expect(verdict(lists([[12]])).verdict).toBe('verify: evidence.revoked')
    expect(verdict(lists([[], [11]])).verdict).toBe('verify: evidence.revoked')
    // another issuer's certificate of the same number is another certificate
    expect(verdict(lists([[11], [12]])).verdict).toBe('accept')
  })

  it('asks nobody but AWS', () => {
    const others = [
      'http://aws-nitro-enclaves.s3.amazonaws.com.example/crl/a',
      'http://10.0.0.1/crl/',
    ] as const
    const other = makeEnclave({ startedAt: NOW, crlUrls: others })
    const document = nitroItem(makeDocument(other, { timestamp: NOW }))
    expect(nitro.needs?.(document, undefined as never).map((one) => one.urls)).toEqual([[], []])
  })

  it('of the genuine kind points to the buckets of AWS', () => {
    const { item: genuine } = runOf(
      vector('nitro', 'a document of a production enclave is accepted'),
    )
    expect(nitro.needs?.(genuine, undefined as never).map((one) => one.urls)).toEqual([
      [
        'http://crl-us-east-1-aws-nitro-enclaves.s3.us-east-1.amazonaws.com/crl/571379f4-0958-4ee7-8616-d0e25db52a14.crl',
      ],
      [
        'http://aws-nitro-enclaves-crl.s3.amazonaws.com/crl/ab4960cc-7d63-42bd-9e9f-59338cb67f84.crl',
      ],
    ])
  })
})
