// Fuzz target: bytes as the JSON form of a TPM quote, with its endorsements in a member of their own. What nobody signed is not genuine.
import type { EvidenceItem, Verification } from '../../../../src/attest/evidence/evidence.ts'
import { AK_ROOTS, EK_ROOTS } from '../../../../src/attest/tpm/key-chain.ts'
import { activationId } from '../../../../src/attest/tpm/key-trust.ts'
import type { TpmPolicy } from '../../../../src/attest/tpm/policy.ts'
import { activatable, tpm } from '../../../../src/attest/tpm/tpm.ts'
import { BOOT, logOf, registersOf } from '../../../attest/synthetic/boot-log.ts'
import {
  AK,
  areaOf,
  formOf,
  itemOf,
  keyFrom,
  NONCE,
  NOW,
  VALUES,
  verification,
} from '../../../attest/synthetic/tpm.ts'
import {
  AK_PURPOSE,
  EK_PURPOSE,
  makeAuthority,
  SERVER_PURPOSE,
} from '../../../attest/synthetic/tpm-authority.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

const LAB = makeAuthority('lab')
const ISSUER = makeAuthority('issuer', { name: 'lab' })
const EK = keyFrom('synthetic endorsement key')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const root = [{ id: 'lab', der: LAB.der, synthetic: true }]
const SECRET = Buffer.alloc(64, 7)

export const tpmEvidence: Target = {
  name: 'tpm-evidence',
  files: [
    'src/attest/tpm/tpm.ts',
    'src/attest/tpm/quote.ts',
    'src/attest/tpm/quote-check.ts',
    'src/attest/tpm/members.ts',
    'src/attest/tpm/key-trust.ts',
    'src/attest/tpm/key-chain.ts',
    'src/attest/tpm/policy.ts',
  ],
  tokens: ['"quote"', '"signature"', '"pcrs"', '"sha256"', '"sha384"', '"ak_public"', '"ak_spki"', '"endorsements"', '"ak_cert"', '"event_log"', '"ek_public"'],
  runs: 1500,
  branches: 90,
  generate,
  run(bytes, random) {
    const item = itemIn(bytes)
    const { value: pair } = valued(() => activatable(item))
    const roots = pick<Roots>(random, [{ [AK_ROOTS]: root }, { [EK_ROOTS]: root }, {}])
    const proof = random(4) === 0 ? SECRET.with(40, 1) : SECRET
    const expected = pick(random, [undefined, { kind: 'binder', bytes: Buffer.concat([NONCE, NONCE]) }, { kind: 'exact', bytes: NONCE }] as const)
    const collateral = pair && expected
      ? new Map([[activationId(pair, expected), { bytes: proof, receivedAt: NOW }]])
      : new Map()
    const asking = { ...policyFrom(random, undefined), ak_trust: pick(random, [['ek-activation'], ['ak-cert', 'ek-activation'], ['enrolled', 'ek-activation']] as const) }
    const { value: made } = valued(() => tpm.activation?.(item, asking, { expected, roots, random: (size) => SECRET.subarray(0, size) }))
    holds(!made || (pair !== undefined && expected !== undefined && made.id === activationId(pair, expected)), 'what is activated is what is looked for')
    valued(() => tpm.needs?.(item, asking, { now: NOW, roots }))
    const { reason, value } = valued(() => tpm.verify(item, verification({ roots, collateral, expected })))
    if (reason !== undefined || value === undefined) return { accepted: false, trait: String(reason) }
    holds((value.binding === 'matched') === (expected !== undefined), 'it is bound to what was asked')
    holds(Object.keys(value.measurements).length > 0, 'a quote is over something')
    holds(value.anchor === 'none' || value.anchor === 'lab', 'an anchor is one of ours')
    const policy = policyFrom(random, value.flags.ak_spki_sha256)
    const judged = tried(() => tpm.appraise(value, policy, { now: NOW }))
    const isTrusted = policy.enrolled.length > 0 || value.anchor === 'lab'
    holds(judged.reason !== undefined || isTrusted, 'nobody is admitted for whom nobody vouches')
    return { accepted: true, trait: `${value.flags.ak_trust} ${judged.reason}` }
  },
} // biome-ignore format: rows

type Roots = Verification['roots']

function valued<T>(read: () => T): { readonly value?: T; readonly reason?: string } {
  return tried(read)
}

function itemIn(bytes: Buffer): EvidenceItem {
  try {
    const { endorsements, ...form } = JSON.parse(bytes.toString())
    if (endorsements !== null && typeof endorsements === 'object') return itemOf(form, endorsements)
  } catch {}
  return { type: 'tpm', bytes, endorsements: {} }
}

function policyFrom(random: Random, spki: unknown): TpmPolicy {
  const value = pick(random, [`sha256:${'77'.repeat(32)}`, `sha256:${'00'.repeat(32)}`])
  const list = { [value]: random(3) === 0 ? { id: 'a', notAfter: NOW - 1 } : { id: 'a' } }
  const applications = { [`sha256:${'1'.repeat(64)}`]: { id: 'b' } }
  return {
    ak_trust: pick(random, [['ak-cert', 'ek-activation', 'enrolled'], ['enrolled'], []]),
    ak_anchors: random(4) === 0 ? [] : ['lab'],
    enrolled: random(2) === 0 ? [`sha256:${spki}`] : [],
    revocation: pick(random, ['require', 'prefer', 'off']),
    banks: random(4) === 0 ? ['sha384'] : ['sha256'],
    reference: {
      pcrs: pick<TpmPolicy['reference']['pcrs']>(random, [{ 7: list }, { 7: list }, {}]),
      ...(random(4) === 0 ? { boot_applications: applications } : {}),
    },
    event_log: pick(random, ['off', 'prefer', 'require']),
    secure_boot: pick(random, ['off', 'off', 'require']),
  }
}

const CERTIFICATES: readonly object[] = [
  { ak_cert: text(LAB.issue(AK)) },
  { ak_cert: text(ISSUER.issue(AK, { purpose: AK_PURPOSE })), ak_chain: [text(ISSUER.der)] },
  { ak_cert: text(ISSUER.issue(AK)), ak_chain: [text(ISSUER.der), text(LAB.der)] },
  { ak_cert: text(LAB.issue(AK, { purpose: SERVER_PURPOSE })) },
  { ak_cert: text(LAB.issue(AK, { isAuthority: true })) },
  { ak_cert: text(LAB.issue(AK, { criticalOid: '1.2.3' })) },
  { ak_cert: text(LAB.issue(EK)) },
  { ak_cert: text(ISSUER.issue(AK)) },
  { ak_cert: text(LAB.issue(AK)), ak_chain: 1 },
  { ak_cert: text(LAB.issue(AK)), ak_chain: Array.from({ length: 7 }, () => '') },
  { ek_public: text(areaOf({ key: EK })), ek_cert: text(LAB.issue(EK, { purpose: EK_PURPOSE })) },
  { ek_public: text(areaOf({ key: EK })), ek_cert: text(LAB.issue(AK)) },
  { ek_public: text(areaOf({ key: EK })) },
  { event_log: text(logOf(BOOT)) },
  {},
]
const LOGGED = { sha256: registersOf(BOOT, 'sha256') }
const FORMS: readonly object[] = [
  formOf({ values: LOGGED }),
  formOf({ safe: 0 }),
  formOf({ attributes: 0 }),
  formOf({ values: {} }),
  formOf({ extraData: NONCE.subarray(1) }),
  formOf({ signatureScheme: 0x0014 }),
  formOf({ hash: 'sha384' }),
  formOf({ pcrDigest: Buffer.alloc(32) }),
  { ...formOf(), v: 2 },
  { ...formOf(), pcrs: { sha256: { ...VALUES.sha256, 9: '00'.repeat(32) } } },
  { ...formOf(), pcrs: { sha256: { x: '' } } },
  { ...formOf(), pcrs: { md5: {} } },
  { ...formOf(), ak_public: undefined, ak_spki: text(LAB.der.subarray(0, 0)) },
  { ...formOf(), quote: 'A'.repeat(4000) },
]

function generate(random: Random): Buffer {
  const form = random(3) === 0 ? pick(random, FORMS) : formOf()
  const endorsements = {
    ...pick(random, CERTIFICATES),
    ...(random(6) === 0 ? pick(random, CERTIFICATES) : {}),
  }
  const more = random(20) === 0 ? { more: 'x'.repeat(random(2) * 70_000) } : {}
  return Buffer.from(JSON.stringify({ ...form, ...more, endorsements }))
}
