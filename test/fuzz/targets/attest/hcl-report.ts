// Fuzz target: bytes as the report of Azure's paravisor. What it is read as, it is read as whole.
import { createHash } from 'node:crypto'
import { readHclReport } from '../../../../src/attest/cloud/hcl-report.ts'
import { u32le } from '../../../attest/synthetic/boot-log.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

const RUNTIME = 1216
const KEY = {
  kid: 'HCLAkPub',
  kty: 'RSA',
  e: 'AQAB',
  n: Buffer.alloc(256, 0xff).toString('base64url'),
}

export const hclReport: Target = {
  name: 'hcl-report',
  files: ['src/attest/cloud/hcl-report.ts'],
  tokens: ['HCLA', '"keys"', '"HCLAkPub"', '"kid":', '"RSA"', '"secure-boot":true', '"vm-configuration"', '\x02\0\0\0', '\x04\0\0\0'],
  runs: 3000,
  branches: 90,
  generate,
  run(bytes) {
    const read = tried(() => readHclReport(bytes))
    if (read.reason !== undefined) return { accepted: false, trait: read.reason }
    const { tee, reportData, hardware, secureBoot } = read.value
    const json = bytes.subarray(RUNTIME + 20, RUNTIME + 20 + bytes.readUInt32LE(RUNTIME + 16))
    const digest = createHash('sha256').update(json).digest()
    holds(digest.equals(Buffer.from(reportData.subarray(0, 32))), 'the digest is of the JSON')
    holds(reportData.length === 64 && hardware.length === 1184, 'parts have their lengths')
    return { accepted: true, trait: `${tee} ${secureBoot}` }
  },
} // biome-ignore format: tokens are a row

const CLAIMS: readonly unknown[] = [
  { keys: [KEY] },
  { keys: [{ kid: 'HCLEkPub' }, KEY], 'vm-configuration': { 'secure-boot': true } },
  { keys: [KEY], 'vm-configuration': { 'secure-boot': false } },
  { keys: [KEY, KEY] },
  { keys: [{ ...KEY, n: 'AQAB' }] },
  { keys: [{ ...KEY, e: 1 }] },
  { keys: [{ ...KEY, n: '' }] },
  {},
]

function generate(random: Random): Buffer {
  const seldom = (good: number, bad: number): Buffer => u32le(random(20) === 0 ? bad : good)
  const json = Buffer.from(JSON.stringify(random(2) === 0 ? CLAIMS[1] : pick(random, CLAIMS)))
  const head = Buffer.concat([Buffer.from('HCLA'), Buffer.alloc(RUNTIME - 4, random(2))])
  const runtime = [u32le(0), seldom(1, 2), u32le(pick(random, [2, 2, 4, 2, 4, 3])), seldom(1, 2)]
  const length = seldom(json.length, json.length + 1)
  return Buffer.concat([
    head,
    ...runtime,
    length,
    json,
    Buffer.alloc(random(3), random(8) === 0 ? 1 : 0),
  ])
}
