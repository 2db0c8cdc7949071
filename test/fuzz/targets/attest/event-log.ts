// Fuzz target: bytes as a log of measured boot. What it says holds only for the registers it adds up to.

import { parseEventLog, replay } from '../../../../src/attest/tpm/event-log.ts'
import { checkMeasuredBoot } from '../../../../src/attest/tpm/measured-boot.ts'
import { TPM_HASHES } from '../../../../src/attest/tpm/tpms.ts'
import {
  BOOT,
  type LogBank,
  type LogEvent,
  logOf,
  variableData,
} from '../../../attest/synthetic/boot-log.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { tried } from './denied.ts'

export const eventLog: Target = {
  name: 'event-log',
  files: ['src/attest/tpm/event-log.ts', 'src/attest/tpm/measured-boot.ts'],
  tokens: ['Spec ID Event03\0', 'StartupLocality\0\x03', '\x0b\0\x20\0', '\x04\0\x14\0', '\x03\0\0\x80', '\x01\0\0\x80', '\x08\0\0\0'],
  runs: 3000,
  branches: 90,
  generate,
  run(bytes, random) {
    const read = tried(() => parseEventLog(bytes))
    if (read.reason !== undefined) return { accepted: false, trait: read.reason }
    const events = read.value
    const banks = [...TPM_HASHES.values()].map(({ name }) => name)
    const bank = pick(random, banks)
    const registers = tried(() => replay(events, bank))
    if (registers.reason !== undefined) return { accepted: true, trait: registers.reason }
    const quoted = new Map(registers.value)
    const boot = tried(() => checkMeasuredBoot(bytes, new Map([[bank, quoted]])))
    if (boot.reason !== undefined) throw new Error('a log adds up to what it adds up to')
    const changed = [...quoted.keys()][0]
    if (changed !== undefined) {
      quoted.set(changed, Buffer.alloc(32, 0x5a))
      const other = tried(() => checkMeasuredBoot(bytes, new Map([[bank, quoted]])))
      holds(other.reason === 'evidence.measurement_mismatch', 'and to nothing else')
    }
    return { accepted: true, trait: `${quoted.size} ${JSON.stringify(boot.value.flags)}` }
  },
} // biome-ignore format: tokens are a row

const DATA: readonly Buffer[] = [
  Buffer.from('StartupLocality\0\x03'),
  variableData('SecureBoot', Buffer.of(0)),
  variableData('SecureBoot', Buffer.of(1), Buffer.alloc(16)),
  variableData('db', Buffer.alloc(20)),
  Buffer.alloc(10),
  Buffer.from('1.0\0', 'utf16le'),
]
const BANKS: readonly (readonly LogBank[])[] = [
  ['sha256'],
  ['sha1', 'sha256'],
  ['sha256', 'sha384'],
  ['sha1'],
]
const TYPES = [3, 8, 0x80000001, 0x80000003, 5] as const

function generate(random: Random): Buffer {
  const events: LogEvent[] = random(2) === 0 ? [...BOOT] : []
  for (let left = random(5); left > 0; left--) {
    const event = { register: random(25), type: pick(random, TYPES), data: pick(random, DATA) }
    events.push(random(4) === 0 ? { ...event, of: Buffer.of(1) } : event)
  }
  if (random(100) === 0) return Buffer.alloc(1024 * 1024 + 1)
  return logOf(events, pick(random, BANKS))
}
