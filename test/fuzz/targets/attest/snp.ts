// Fuzz target: bytes as a SEV-SNP report, as a certificate of AMD and as a certificate table. Nothing that was changed is genuine.
import { generateKeyPairSync } from 'node:crypto'
import { Certificate } from '../../../../src/attest/format/certificate.ts'
import { readSnpCertificate, tcbOf, vcekUrl } from '../../../../src/attest/snp/certificate.ts'
import { sevSnpSection } from '../../../../src/attest/snp/policy.ts'
import { readSnpReport } from '../../../../src/attest/snp/report.ts'
import { sevSnp } from '../../../../src/attest/snp/sev-snp.ts'
import { readSnpTable } from '../../../../src/attest/snp/table.ts'
import { makeCertificate } from '../../../attest/synthetic/certificate.ts'
import { makeChip, makeReport, snpItem } from '../../../attest/synthetic/snp.ts'
import { makeTable } from '../../../attest/synthetic/snp-table.ts'
import { policyOf, readFixture, runOf, vectorsOf } from '../../../attest/vectors.ts'
import { der } from '../../../support/der-writer.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

const verifier = sevSnp
const rows = vectorsOf('snp').filter(
  ({ name, verdict }) => verdict === 'accept' && / is accepted$/.test(name),
)
const genuine = rows.map((row) => runOf(row))
const known = new Set(genuine.map(({ item, at }) => verifier.verify(item, at).contentSha256))
const chips = [makeChip(), makeChip({ product: 'Turin' }), makeChip({ cspId: 'CN=a.example' })]
const roots = { amd: chips.map(({ root }) => root) }
const minimum = { bl: 1, tee: 0, snp: 1, ucode: 1 }
const policy = policyOf(sevSnpSection({}), {
  products: ['Milan', 'Turin'],
  key_types: ['vcek', 'vlek'],
  csp_ids: ['CN=a.example'],
  revocation: 'prefer',
  min_tcb: { Milan: minimum, Turin: minimum },
  reference: { measurement: [`sha384:${'4d'.repeat(48)}`] },
})

export const snp: Target = {
  name: 'snp',
  files: [
    'src/attest/evidence/endorsements.ts',
    'src/attest/snp/sev-snp.ts',
    'src/attest/snp/chain.ts',
    'src/attest/snp/certificate.ts',
    'src/attest/snp/report.ts',
    'src/attest/snp/table.ts',
  ],
  tokens: ['Milan', 'Genoa-B1', 'Turin', '\x16', '\x02\x01'],
  runs: 2000,
  branches: 90,
  generate: (random) =>
    Buffer.from(pick(random, [reportOf, reportOf, certificateOf, tableOf])(random)),
  run(input, random) {
    const reasons = [asReport(input, random), asCertificate(input), asTable(input, random)]
    return { accepted: reasons.includes('taken'), trait: reasons.join(' ') }
  },
}

function asReport(input: Buffer, random: Random): string {
  const read = tried(() => readSnpReport(input))
  if (read.reason !== undefined) return read.reason
  holds(read.value.signature.length === 96, 'a signature is of two numbers of the field')
  const { item, at } = pick(random, genuine)
  const given = { ...item, bytes: input }
  const old = tried(() => verifier.verify(given, at))
  holds(old.reason !== undefined || known.has(old.value.contentSha256), 'nobody signs for AMD')
  // as if nothing had come with it
  const needs = tried(
    () => verifier.needs?.({ ...given, endorsements: {} }, undefined as never) ?? [],
  )
  for (const { urls } of needs.reason === undefined ? needs.value : [])
    holds(urls.every((url) => /^https:\/\/kdsintf\.amd\.com\/vcek\/v1\/[\w/?=&]+$/.test(url)), 'only AMD is asked') // biome-ignore format: one line
  const chip = pick(random, chips)
  const made = tried(() => verifier.verify(snpItem(chip, input), { ...at, roots, expected: undefined })) // biome-ignore format: one line
  if (made.reason === undefined) {
    holds(made.value.synthetic, 'what a test signed says so')
    tried(() => verifier.appraise(made.value, policy, { now: at.now }))
  }
  return 'taken'
}

function asCertificate(input: Buffer): string {
  const read = tried(() => readSnpCertificate(Certificate.parse(input)))
  if (read.reason !== undefined) return read.reason
  const { product, tcb } = read.value
  holds(tcb.length === 8 && Object.keys(tcbOf(product, tcb)).length >= 4, 'a TCB is of eight bytes')
  vcekUrl(product, Buffer.alloc(64), tcb)
  return 'taken'
}

function asTable(input: Buffer, random: Random): string {
  const read = tried(() => readSnpTable(input))
  const { item, at } = pick(random, genuine)
  const endorsements = pick(random, [
    { cert_table: input.toString('base64url') },
    { vcek: input.toString('base64url') },
    { vcek: item.endorsements.vcek, chain: [input.toString('base64url')] },
    { vcek: item.endorsements.vcek, chain: pick(random, ODD) },
    { vcek: pick(random, ODD) },
  ])
  const whole = tried(() => verifier.verify({ ...item, endorsements }, at))
  tried(() => verifier.needs?.({ ...item, endorsements }, undefined as never))
  if (read.reason !== undefined) return `${read.reason} ${whole.reason}`
  let all = 0
  for (const entry of read.value.values()) all += entry.length
  holds(all <= read.value.size * input.length, 'an entry is within its table')
  return 'taken'
}

const ODD = [[], ['A'], ['A='], Array(9).fill('AAAA'), 1, null, 'AA==', 'A'.repeat(100_000), ['AAAA', 'AAAA', 'AAAA']] // biome-ignore format: a table

function reportOf(random: Random): Uint8Array {
  const patch = Array.from({ length: random(3) }, () => {
    const at = pick(random, [0, 0x08, 0x0a, 0x30, 0x34, 0x40, 0x48, 0x49, 0x4c, 0x180, 0x188, 0x1a0, 0x1a8, 0x1e0, 0x1eb, 0x1f8, random(0x290)]) // biome-ignore format: a table
    return [at, Uint8Array.from({ length: 1 + random(3) }, () => pick(random, [0, 1, 2, 4, random(256)]))] as const // biome-ignore format: one line
  })
  const version = pick(random, [2, 3, 5] as const)
  const maskChip = random(4) === 0
  return makeReport(pick(random, chips), { reportData: Buffer.alloc(64), version, maskChip, patch })
}

const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })

function certificateOf(random: Random): Uint8Array {
  const arcs = [1, 2, 3, 4, 5, 6, 7, 8, 9].filter(() => random(40) > 0)
  const level = () => (random(30) === 0 ? pick(random, [der.integer(256), der.octets(Buffer.of(1))]) : der.integer(random(256))) // biome-ignore format: one line
  const arc = '1.3.6.1.4.1.3704.1'
  return makeCertificate({
    subject: 'SEV-VCEK',
    publicKey: ec.publicKey,
    issuer: { name: 'SEV-Milan', key: ec.privateKey },
    notBefore: 0,
    notAfter: 1,
    extensions: [
      ...(random(20) === 0 ? [] : [[`${arc}.2`, der.text(0x16, pick(random, ['Milan', 'Milan-B0', 'Genoa', 'Turin', 'Turin', 'Rome']))] as const]), // biome-ignore format: one line
      ...arcs.map((last) => [`${arc}.3.${last}`, level()] as const),
      ...(random(2) === 0 ? [[`${arc}.4`, Buffer.alloc(pick(random, [8, 64]))] as const] : []),
      ...(random(3) === 0 ? [[`${arc}.5`, der.text(0x16, 'CN=a.example')] as const] : []),
    ],
  })
}

function tableOf(random: Random): Uint8Array {
  const names = ['vcek', 'ask', 'ark', 'vlek', 'crl', 'other'] as const
  const entries = Array.from({ length: random(5) }, () => [pick(random, names), pick(random, PARTS)] as const) // biome-ignore format: one line
  const table = Buffer.from(makeTable(entries))
  if (random(3) === 0 && table.length > 24) table[16 + random(8)] = random(256)
  return random(8) === 0 ? makeTable(Array(17).fill(['other', Buffer.of(1)])) : table
}

const PARTS = [readFixture('snp/coco-milan.vcek.der'), readFixture('snp/gsg-milan-debug.vcek.der'), Buffer.of(1)] // biome-ignore format: a table
