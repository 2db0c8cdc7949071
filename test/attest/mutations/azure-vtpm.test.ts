// Changed evidence of confidential machines in Azure is refused: quote, key, report and chain hold together or not at all.
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createAzureVtpm } from '../../../src/attest/cloud/azure-vtpm.ts'
import { readHclReport } from '../../../src/attest/cloud/hcl-report.ts'
import { type TdxPolicy, tdx, tdxSection } from '../../../src/attest/dcap/tdx.ts'
import { denialOf } from '../denials.ts'
import { replaceAt, wrongLengths } from '../mutate.ts'
import {
  BOOT,
  type LogEvent,
  logOf,
  registersOf,
  u32le,
  variableData,
} from '../synthetic/boot-log.ts'
import { makeDcap } from '../synthetic/tdx.ts'
import { attestOf, sized, u16 } from '../synthetic/tpm.ts'
import { outcomeOf, policyOf, runOf, vector } from '../vectors.ts'

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

describe('with TDX, over a synthetic quote', () => {
  // genuine evidence of this kind is not public: the vTPM and its key are those above, the quote over the TD report is made up
  const DIGEST = 'af2910341dd8108360e485f1b72494255190b9cdd5ccb44b73b883037cf99f21'
  const reportData = Buffer.concat([Buffer.from(DIGEST, 'hex'), Buffer.alloc(32)])
  const made = makeDcap({ now: run.at.now, reportData })
  const azure = createAzureVtpm({ type: 'azure-tdx-vtpm', hardware: tdx })
  const tdxHcl = b64(replaceAt(hcl, RUNTIME + 8, u32le(4)))
  const at = { ...run.at, roots: { intel: [made.root] } }
  const item = (changes: Form) => ({
    type: 'azure-tdx-vtpm' as const,
    bytes: Buffer.from(JSON.stringify({ ...form, hcl_report: tdxHcl, ...changes })),
    endorsements: made.item.endorsements,
  })
  const good = item({ td_quote: b64(made.quote) })
  const hardware: TdxPolicy = policyOf(tdxSection({}), {})
  const registers = {
    banks: ['sha256'],
    reference: { pcrs: {} },
    event_log: 'prefer',
    secure_boot: 'require',
  } as const

  it('quote, key, TD and platform hold together', () => {
    const { flags, measurements, ...claims } = azure.verify(good, at)
    expect(claims).toMatchObject({ type: 'azure-tdx-vtpm', binding: 'matched', synthetic: true })
    expect(flags).toMatchObject({ secure_boot: true, debug: false })
    expect(measurements).toHaveProperty('mrtd')
    expect(measurements).toHaveProperty(['sha256.pcr23'])
    expect(azure.needs?.(good, { hardware, registers })).toEqual(tdx.needs?.(made.item, hardware))
  })

  it('a TD that names another key, or no TD, is refused', () => {
    const other = makeDcap({ now: run.at.now, reportData: Buffer.alloc(64, 1), pki: made.pki })
    const verdictOf = (changes: Form) => denialOf(() => azure.verify(item(changes), at))
    expect(verdictOf({ td_quote: b64(other.quote) })).toBe(
      'evidence.key_mismatch: the report of the hardware names another key',
    )
    expect(verdictOf({})).toBe('evidence.malformed: td_quote: is not there')
    expect(verdictOf({ td_quote: b64(replaceAt(made.quote, 100, Buffer.of(1))) })).toBe(
      'evidence.signature: quote',
    )
  })

  it('what is wanted of hardware and registers must both be there', () => {
    const given = azure.verify(good, at)
    const allow = (...names: string[]) =>
      Object.fromEntries(
        names.map((name) => [given.measurements[name] ?? '', { id: `rv:${name}` }]),
      )
    const appraise = (reference: TdxPolicy['reference'], pcrs = { 4: allow('sha256.pcr4') }) => {
      const policy = {
        hardware: { ...hardware, reference },
        registers: { ...registers, reference: { pcrs } },
      }
      return azure.appraise(given, policy, { now: run.at.now })
    }
    expect(appraise({ mrtd: allow('mrtd') })).toMatchObject({
      trust: { hardware: 2, executables: 2, configuration: 2 },
      matched: ['rv:mrtd', 'rv:sha256.pcr4'],
      warnings: ['no event log was given'],
    })
    expect(denialOf(() => appraise({ mrtd: {} }))).toMatch('evidence.measurement_unlisted')
    expect(denialOf(() => appraise({ mrtd: allow('mrtd') }, { 4: {} }))).toBe(
      'evidence.measurement_unlisted: sha256.pcr4',
    )
  })
})

describe('secure boot, of a synthetic machine with a log', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const OFF = BOOT.map((event) =>
    event.register === 7 ? { ...event, data: variableData('SecureBoot', Buffer.of(0)) } : event,
  )
  const quoteOf = (log: readonly LogEvent[]) => {
    const pcrs = { sha256: registersOf(log, 'sha256') }
    const attest = attestOf({ values: pcrs })
    const signature = [u16(0x0014), u16(0x000b), sized(sign('sha256', attest, privateKey))]
    return { v: 1, quote: b64(attest), signature: b64(Buffer.concat(signature)), pcrs }
  }

  it.each([
    [true, true, BOOT],
    [true, false, OFF],
    [false, false, BOOT],
    [true, true, undefined],
    [false, false, undefined],
  ])('said as %s by the paravisor is %s', (isOn, expected, log) => {
    const claims = {
      keys: [{ kid: 'HCLAkPub', ...publicKey.export({ format: 'jwk' }) }],
      'vm-configuration': { 'secure-boot': isOn },
    }
    const json = Buffer.from(JSON.stringify(claims))
    const head = replaceAt(hcl.subarray(0, JSON_AT), RUNTIME + 16, u32le(json.length))
    const report = replaceAt(Buffer.concat([head, json]), RUNTIME + 8, u32le(4))
    const { reportData } = readHclReport(report)
    const made = makeDcap({ now: run.at.now, reportData })
    const form = { ...quoteOf(log ?? BOOT), hcl_report: b64(report), td_quote: b64(made.quote) }
    const item = {
      type: 'azure-tdx-vtpm' as const,
      bytes: Buffer.from(JSON.stringify(form)),
      endorsements: { ...made.item.endorsements, ...(log && { event_log: b64(logOf(log)) }) },
    }
    const at = { ...run.at, expected: undefined, roots: { intel: [made.root] } }
    const azure = createAzureVtpm({ type: 'azure-tdx-vtpm', hardware: tdx })
    const { flags } = azure.verify(item, at)
    expect([flags.secure_boot, flags.event_log]).toEqual([expected, log !== undefined])
  })
})
