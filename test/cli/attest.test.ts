// `portcullis attest`: documents, policies and challenges on the command line.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { binderOf } from '../../src/attest/freshness/binder.ts'
import { ENDORSEMENTS, fixture, REPORT_DATA } from '../attest/appraisal/world.ts'
import { MRTD, tdxPolicy } from '../attest/policy/world.ts'
import { cli, temporaryFolder } from './shell.ts'

const FILES = {
  'policy.yaml': tdxPolicy(),
  'endorsements.json': JSON.stringify(ENDORSEMENTS),
}
const folder = (files: Readonly<Record<string, string>> = {}): string => {
  const made = temporaryFolder({ ...FILES, ...files })
  for (const name of ['phala-tdx.quote.dat', 'coco-tdx-v4-debug.quote.dat'])
    writeFileSync(join(made, name), fixture(name))
  return made
}
const VERIFY = [
  'attest', 'verify', 'phala-tdx.quote.dat', '--type', 'tdx', '--policy', 'policy.yaml',
  '--at', '2025-06-19T12:00:00Z', '--endorsements', 'endorsements.json',
] // biome-ignore format: a command line
// as it came, with a line end
const MAA_TOKEN = gunzipSync(
  readFileSync(new URL('../fixtures/attestation/maa/maa-cvm-2023.jwt.gz', import.meta.url)),
).toString()
const MAA_POLICY = `version: 1
id: maa
evidence:
  require: { all_of: [maa] }
  token:
    issuers:
      - type: maa
        provider: https://sharedweu.weu.attest.azure.net
        reference: { launch_measurement: [rv:cvm] }
        min_tcb: { bl: 3, tee: 0, snp: 8, ucode: 115 }
reference_values:
  rv:cvm: { values: ["sha384:${'ab'.repeat(48)}"] }
`
const hex = Buffer.from(REPORT_DATA).toString('hex')

describe('attest verify', () => {
  it('accepts a genuine document, says that its freshness is not checked, and admits nobody', async () => {
    const { exit, json } = await cli(VERIFY, { cwd: folder() })
    expect([exit, json.decision, json.freshness, json.admits]).toEqual([
      0,
      'accept',
      'not checked',
      false,
    ])
    expect(json.policySha256).toBe(createHash('sha256').update(tdxPolicy()).digest('hex'))
    expect(json.evidence[0].measurements.mrtd).toBe(MRTD)
  })

  it('checks freshness when it is told what to expect', async () => {
    const cwd = folder()
    const fresh = await cli([...VERIFY, '--expect-binding', hex], { cwd })
    expect([fresh.exit, fresh.json.freshness, fresh.json.admits]).toEqual([0, 'checked', false])
    const other = await cli([...VERIFY, '--expect-binding', `00${hex.slice(2)}`], { cwd })
    expect([other.exit, other.json.reason]).toEqual([1, 'evidence.nonce_mismatch'])
  })

  it('tells a person verdict, reason, what to do, and the claims', async () => {
    const { exit, out } = await cli(
      [
        'attest', 'verify', 'coco-tdx-v4-debug.quote.dat', '--type', 'tdx', '--policy', 'policy.yaml',
        '--at', '2025-06-19T12:00:00Z', '--endorsements', 'endorsements.json',
      ], // biome-ignore format: a command line
      { cwd: folder(), tty: true, env: { NO_COLOR: '1' } },
    )
    expect(exit).toBe(1)
    expect(out).toMatch(/^refused: evidence\.[a-z_]+\n {2}.+\n {2}.+\n {2}policy/)
    expect(out).toContain('not checked; this admits no server')
    const accepted = await cli(VERIFY, { cwd: folder(), tty: true, env: { NO_COLOR: '1' } })
    expect(accepted.out).toMatch(/^accepted\n/)
    expect(accepted.out).toContain('matched      rv:td')
    expect(accepted.out).toMatch(/\n {2}mrtd +sha384:91eb2b44/)
  })

  it.each([
    ['a line end', '\n', 'evidence.collateral_missing'],
    ['a line end of Windows', '\r\n', 'evidence.collateral_missing'],
    ['nothing', '', 'evidence.collateral_missing'],
    ['two line ends', '\n\n', 'evidence.malformed'],
    ['a blank', ' ', 'evidence.malformed'],
  ])('reads a token from a file with %s behind it', async (_, end, reason) => {
    const token = MAA_TOKEN.trimEnd() + end
    const cwd = folder({ 'token.jwt': token, 'maa.yaml': MAA_POLICY })
    const { exit, json } = await cli(
      [
        'attest', 'verify', 'token.jwt', '--type', 'maa', '--policy', 'maa.yaml',
        '--at', '2023-03-30T12:00:00Z',
      ], // biome-ignore format: a command line
      { cwd },
    )
    expect([exit, json.reason]).toEqual([1, reason])
  })

  it('refuses after the time of its collateral, as the gateway would today', async () => {
    const late = VERIFY.map((word) => (word.startsWith('2025-') ? '2026-11-28T00:00:00Z' : word))
    const { exit, json } = await cli(late, { cwd: folder() })
    expect([exit, json.reason, json.next]).toEqual([1, 'evidence.collateral_stale', 'refresh it'])
  })

  it('takes collateral from a folder with an index', async () => {
    const collateral = ENDORSEMENTS.collateral as Record<string, string>
    const cwd = folder()
    const without = await cli(VERIFY.slice(0, -2), { cwd })
    expect([without.exit, without.json.reason]).toEqual([1, 'evidence.collateral_missing'])
    const [, missing = ''] = /: (tdx-tcb:[0-9a-f]{12})$/.exec(without.json.says) ?? []
    const made = temporaryFolder({
      'tcb.json': `{"tcbInfo":${collateral.tcb_info},"signature":"${collateral.tcb_info_signature}"}`,
      'index.json': JSON.stringify({
        [missing]: {
          file: 'tcb.json',
          headers: {
            'tcb-info-issuer-chain': encodeURIComponent(collateral.tcb_info_issuer_chain ?? ''),
          },
          received_at: '2025-06-19T11:00:00Z',
        },
      }),
    })
    expect(without.json.missing).toContainEqual({
      id: missing,
      urls: [
        `https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=${missing.slice(8)}`,
      ],
      required: true,
    })
    const partly = await cli([...VERIFY.slice(0, -2), '--collateral', made], { cwd })
    expect(partly.json.says).toMatch(/: tdx-qe$/)
  })

  it('takes roots besides the built-in ones, and marks what leads to one of a vendor as synthetic', async () => {
    const cwd = folder({ 'ca.pem': fixture('intel-sgx-root-ca.pem').toString() })
    const { exit, json } = await cli(
      [...VERIFY, '--root', 'tpm-ak=ca.pem', '--root', 'amd=ca.pem'],
      { cwd },
    )
    expect([exit, json.evidence[0].synthetic]).toEqual([0, false])
    const wrong = await cli([...VERIFY, '--root', 'tpm-ak=policy.yaml'], { cwd })
    expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('no certificate in PEM')])
  })

  it('ends with 2 when it is called wrongly, and with 78 when the policy is wrong', async () => {
    const cwd = folder({ 'wrong.yaml': 'version: 1\nid: a\n' })
    const wrong = (from: string, to: string) =>
      cli(
        VERIFY.map((word) => (word === from ? to : word)),
        { cwd },
      )
    expect((await wrong('tdx', 'tee')).exit).toBe(2)
    expect((await wrong('2025-06-19T12:00:00Z', 'noon')).exit).toBe(2)
    expect((await wrong('phala-tdx.quote.dat', 'absent')).exit).toBe(2)
    expect((await cli([...VERIFY, '--expect-binding', 'xyz'], { cwd })).exit).toBe(2)
    expect((await cli([...VERIFY, '--root', 'ca.pem'], { cwd })).exit).toBe(2)
    expect((await wrong('policy.yaml', 'wrong.yaml')).exit).toBe(78)
    expect((await cli([...VERIFY, '--collateral', cwd], { cwd })).exit).toBe(78)
  })
})

describe('attest verify, called wrongly, says which file or word it is about and quotes nothing of a file', () => {
  const changed = (from: string, to: string) => VERIFY.map((word) => (word === from ? to : word))
  it.each([
    ['a document that is not there', changed('phala-tdx.quote.dat', 'absent'), 'absent: there is no such file'],
    ['a policy that is not there', changed('policy.yaml', 'absent.yaml'), 'absent.yaml: there is no such file'],
    ['endorsements that are no JSON', changed('endorsements.json', 'policy.yaml'), '--endorsements: policy.yaml is no JSON object'],
    ['a family of roots that there is not', [...VERIFY, '--root', 'amb=ca.pem'], '--root: the family is one of tpm-ak, tpm-ek, aws-iid, amd, azure, google, intel, nitro'],
  ])('%s', async (_name, argv, says) => {
    const { exit, err } = await cli(argv, { cwd: folder(), tty: true, env: { NO_COLOR: '1' } })
    expect([exit, err]).toEqual([2, `error: ${says}\n`])
  }) // biome-ignore format: a table

  it('a policy that would accept whatever the document is, as it does not look at it', async () => {
    const policy = `version: 1
id: name-only
tls: { anchors: [prod], identity: { any_of: [{ dns: files.example }] } }
`
    const { exit, err } = await cli(changed('policy.yaml', 'tls.yaml'), {
      cwd: folder({ 'tls.yaml': policy }),
      tty: true,
      env: { NO_COLOR: '1' },
    })
    expect([exit, err]).toEqual([
      2,
      'error: tls.yaml: the policy does not judge evidence of type tdx: it has no section for it\n',
    ])
  })

  it('a folder of collateral without an index', async () => {
    const argv = [...VERIFY, '--collateral', '.']
    const { exit, err } = await cli(argv, { cwd: folder(), tty: true, env: { NO_COLOR: '1' } })
    expect([exit, err]).toEqual([
      78,
      expect.stringContaining('index.json: there is no such file ['),
    ])
  })
})

describe('attest policy check', () => {
  it('says that a policy is not there, and does not speak of a configuration to be made', async () => {
    const { exit, err } = await cli(['attest', 'policy', 'check', 'absent.yaml'], {
      cwd: folder(),
      tty: true,
      env: { NO_COLOR: '1' },
    })
    expect(exit).toBe(78)
    expect(err).toContain('absent.yaml: there is no such file')
    expect(err).not.toContain('portcullis init')
  })

  it('names policies with their digests', async () => {
    const { exit, json } = await cli(['attest', 'policy', 'check', 'policy.yaml'], {
      cwd: folder(),
    })
    expect(exit).toBe(0)
    const sha256 = createHash('sha256').update(tdxPolicy()).digest('hex')
    expect(json).toEqual({
      valid: true,
      policies: [{ id: 'confidential', sha256, mode: 'enforce' }],
    })
  })

  it('says what is wrong in each, with file, line and column', async () => {
    const cwd = folder({ 'a.yaml': 'version: 1\nid: A\n', 'b.yaml': 'version: 2\nid: b\n' })
    const { exit, err } = await cli(['attest', 'policy', 'check', 'a.yaml', 'b.yaml'], {
      cwd,
      tty: true,
      env: { NO_COLOR: '1' },
    })
    expect(exit).toBe(78)
    expect(err).toContain('  a.yaml:2:5: id: expected a-z, 0-9, ".", "_" and "-", found "A"\n')
    expect(err).toContain('  b.yaml:1:10: version: expected 1, found 2\n')
  })

  it('refuses two policies of one name', async () => {
    const cwd = folder({ 'again.yaml': tdxPolicy() })
    const { exit, err } = await cli(['attest', 'policy', 'check', 'policy.yaml', 'again.yaml'], {
      cwd,
    })
    expect(exit).toBe(78)
    expect(err).toContain('the policy "confidential" is already in')
  })
})

describe('attest challenge', () => {
  it('is new every time', async () => {
    const [one, other] = await Promise.all([
      cli(['attest', 'challenge']),
      cli(['attest', 'challenge']),
    ])
    expect(Object.keys(one.json)).toEqual(['v', 'challenge_id', 'nonce'])
    expect(Buffer.from(one.json.nonce, 'base64url').length).toBe(32)
    expect(one.json.nonce).not.toBe(other.json.nonce)
    expect(one.json.challenge_id).not.toBe(other.json.challenge_id)
  })

  it('prints the binder over it for one server and its key', async () => {
    const spki = 'ab'.repeat(32)
    const words = [
      'attest',
      'challenge',
      '--server-id',
      'files',
      '--url',
      'https://files.example/mcp',
    ]
    const { json } = await cli([...words, '--spki', spki, '--exporter', 'cd'.repeat(32)])
    const expected = binderOf({
      nonce: Buffer.from(json.nonce, 'base64url'),
      spkiSha256: Buffer.from(spki, 'hex'),
      serverId: 'files',
      targetUrl: 'https://files.example/mcp',
      exporter: Buffer.from('cd'.repeat(32), 'hex'),
    })
    expect(json.binder).toBe(Buffer.from(expected).toString('hex'))
    expect((await cli(words)).exit).toBe(2)
    expect((await cli([...words, '--spki', 'ab'])).exit).toBe(2)
    expect((await cli(['attest', 'challenge', '--exporter', spki])).exit).toBe(2)
  })
})
