// Changed evidence of confidential machines in Azure is refused: quote, key, report and chain hold together or not at all.
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { createAzureVtpm } from '../../../src/attest/evidence/azure-vtpm.ts'
import type { Claims, Verifier } from '../../../src/attest/evidence/evidence.ts'
import { readHclReport } from '../../../src/attest/tpm/hcl-report.ts'
import { denialOf } from '../denials.ts'
import { replaceAt, wrongLengths } from '../mutate.ts'
import { u32le } from '../synthetic/boot-log.ts'
import { outcomeOf, runOf, vector } from '../vectors.ts'

type Form = Record<string, unknown>
const run = runOf(
  vector('azure', 'a confidential machine in Azure is accepted: quote, key, report, VCEK, ARK'),
)
const form: Form = JSON.parse(Buffer.from(run.item.bytes).toString())
const bytesOf = (member: string) => Buffer.from(String(form[member]), 'base64url')
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const verdict = (changes: Form, endorsements = run.item.endorsements) => {
  const bytes = Buffer.from(JSON.stringify({ ...form, ...changes }))
  return outcomeOf({ ...run, item: { ...run.item, bytes, endorsements } }).verdict
}
const hcl = bytesOf('hcl_report')
const withHcl = (bytes: Uint8Array) => verdict({ hcl_report: b64(bytes) })
const RUNTIME = 1216
const JSON_AT = RUNTIME + 20
const REPORT = 32

it('the genuine evidence is accepted, so that a refusal below is due to the change', () => {
  expect(verdict({})).toBe('accept')
})

describe('the report of the paravisor', () => {
  it.each([
    ['of another signature', 0, Buffer.from('X'), 'evidence.malformed'],
    ['with another measurement', REPORT + 0x90, Buffer.of(1), 'evidence.signature'],
    ['with other report data', REPORT + 0x50, Buffer.of(1), 'evidence.signature'],
    ['with debugging allowed', REPORT + 0x0a, Buffer.of(0x0b), 'evidence.signature'],
    ['with runtime data of another version', RUNTIME + 4, u32le(2), 'evidence.unsupported'],
    ['of no hardware', RUNTIME + 8, u32le(1), 'evidence.unsupported'],
    ['of TDX that is of SNP', RUNTIME + 8, u32le(4), 'evidence.malformed'],
    ['with a digest by another hash', RUNTIME + 12, u32le(2), 'evidence.weak_algorithm'],
    ['with longer JSON than there is', RUNTIME + 16, u32le(5000), 'evidence.malformed'],
    ['with shorter JSON than there is', RUNTIME + 16, u32le(1109), 'evidence.malformed'],
    ['with longer JSON than was signed', RUNTIME + 16, u32le(1111), 'evidence.malformed'],
    ['with other JSON', JSON_AT + 1109 - 12, Buffer.from('1'), 'evidence.key_mismatch'],
    ['with something behind it', hcl.length - 1, Buffer.of(1), 'evidence.malformed'],
  ])('%s is refused', (_what, at, part, reason) => {
    expect(withHcl(replaceAt(hcl, at, part))).toBe(`verify: ${reason}`)
  })

  it.each([
    ['cut within the report', hcl.subarray(0, 1000)],
    ['cut within the JSON', hcl.subarray(0, JSON_AT + 100)],
    ['empty', Buffer.alloc(0)],
  ])('%s is refused', (_what, bytes) => {
    expect(withHcl(bytes)).toBe('verify: evidence.malformed')
  })

  it('larger than any is refused', () => {
    expect(withHcl(Buffer.alloc(9000))).toBe('verify: evidence.too_large')
    expect(denialOf(() => readHclReport(Buffer.alloc(9000)))).toBe('evidence.too_large: HCL report')
  })

  it('without the zeros behind it is the same', () => {
    expect(withHcl(hcl.subarray(0, JSON_AT + 1110))).toBe('accept')
  })

  const withJson = (json: unknown) => {
    const text = Buffer.from(JSON.stringify(json))
    const head = replaceAt(hcl.subarray(0, JSON_AT), RUNTIME + 16, u32le(text.length))
    return denialOf(() => readHclReport(Buffer.concat([head, text])))
  }
  const key = { kid: 'HCLAkPub', kty: 'RSA', e: 'AQAB', n: b64(Buffer.alloc(256, 0xff)) }

  it.each([
    ['without keys', {}, 'evidence.malformed: HCL runtime data: no keys'],
    ['without the key of the vTPM', { keys: [] }, 'evidence.malformed: HCL runtime data: not one HCLAkPub'],
    ['with two keys of the vTPM', { keys: [key, key] }, 'evidence.malformed: HCL runtime data: not one HCLAkPub'],
    ['with a key that is no object', { keys: [1] }, 'evidence.malformed: HCL runtime data: no object'],
    ['with a key of another kind', { keys: [{ ...key, kty: 'EC' }] }, 'evidence.malformed: HCL runtime data: HCLAkPub'],
    ['with a key that is too short', { keys: [{ ...key, n: b64(Buffer.alloc(128, 0xff)) }] }, 'evidence.weak_algorithm: key of the TPM'],
    ['with a configuration that is none', { keys: [key], 'vm-configuration': 1 }, 'evidence.malformed: vm-configuration: no object'],
  ])('%s is refused', (_what, json, denial) => {
    expect(withJson(json)).toBe(denial)
  }) // biome-ignore format: rows

  it('says whether secure boot is on, and nothing counts as off', () => {
    const text = Buffer.from(JSON.stringify({ keys: [key] }))
    const head = replaceAt(hcl.subarray(0, JSON_AT), RUNTIME + 16, u32le(text.length))
    expect(readHclReport(Buffer.concat([head, text])).secureBoot).toBe(false)
    expect(readHclReport(hcl).secureBoot).toBe(true)
  })
})

describe('the quote of the vTPM', () => {
  const quote = bytesOf('quote')

  it.each([
    ['of type 0x8019', 5, Buffer.of(0x19), 'evidence.unsupported'],
    ['of another count of boots', 68, Buffer.of(9), 'evidence.signature'],
  ])('%s is refused', (_what, at, part, reason) => {
    expect(verdict({ quote: b64(replaceAt(quote, at, part)) })).toBe(`verify: ${reason}`)
  })

  it.each(wrongLengths(quote))('is refused: $name', ({ bytes }) => {
    expect(verdict({ quote: b64(bytes) })).toBe('verify: evidence.malformed')
  })

  it('with a key of its own is refused: the hardware names the key', () => {
    expect(verdict({ ak_spki: 'AAAA' })).toBe('verify: evidence.malformed')
  })
})

it('without the certificate of the chip it is refused', () => {
  expect(verdict({}, {})).toBe('verify: evidence.collateral_missing')
})

describe('with TDX', () => {
  // what the quote over the TD report must carry is seen by a stand-in: genuine evidence of this kind is not public
  const seen: string[] = []
  const claims = { binding: 'matched', measurements: {}, flags: {}, tcb: {} } as unknown as Claims
  const stand: Verifier<null> = {
    type: 'tdx',
    needs: ({ bytes }) => [{ id: b64(bytes), kind: 'crl', urls: [], required: true }],
    verify: ({ bytes }, { expected }) => {
      seen.push(`${b64(bytes)} ${Buffer.from(expected?.bytes ?? []).toString('hex')}`)
      if (bytes.length === 0) throw new Denial('evidence.signature')
      return claims
    },
    appraise: () => ({ trust: { hardware: 32 }, matched: [], warnings: ['tolerated'] }),
  }
  const azure = createAzureVtpm({ type: 'azure-tdx-vtpm', hardware: stand })
  const tdx = replaceAt(hcl, RUNTIME + 8, u32le(4))
  const item = (changes: Form) => ({
    ...run.item,
    bytes: Buffer.from(JSON.stringify({ ...form, hcl_report: b64(tdx), ...changes })),
  })

  it('the quote over the TD report must carry the digest of the runtime data, and zeros', () => {
    const { flags, measurements } = azure.verify(item({ td_quote: 'AAAA' }), run.at)
    expect(seen.splice(0)).toEqual([
      `AAAA af2910341dd8108360e485f1b72494255190b9cdd5ccb44b73b883037cf99f21${'0'.repeat(64)}`,
    ])
    expect(flags.secure_boot).toBe(true)
    expect(Object.keys(measurements)).toHaveLength(24)
    expect(azure.needs?.(item({ td_quote: 'AAAA' }))).toMatchObject([{ id: 'AAAA' }])
  })

  it('the quote over the TD report must be there and must hold', () => {
    expect(denialOf(() => azure.verify(item({}), run.at))).toBe(
      'evidence.malformed: td_quote: is not there',
    )
    expect(denialOf(() => azure.verify(item({ td_quote: '' }), run.at))).toBe('evidence.signature')
  })

  it('the worse of what is said of hardware and registers counts', () => {
    const given = azure.verify(item({ td_quote: 'AAAA' }), run.at)
    const value = given.measurements['sha256.pcr4'] ?? ''
    const registers = {
      banks: ['sha256'],
      reference: { pcrs: { 4: { [value]: { id: 'rv:boot' } } } },
      event_log: 'prefer',
      secure_boot: 'require',
    } as const
    expect(azure.appraise(given, { hardware: null, registers }, { now: 0 })).toEqual({
      trust: { hardware: 32, executables: 2, configuration: 2 },
      matched: ['rv:boot'],
      warnings: ['tolerated', 'no event log was given'],
    })
  })
})
