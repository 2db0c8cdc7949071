// The log of measured boot: its form, its bounds, the registers it adds up to.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers, parseEventLog, replay, variableOf } from '../../../src/attest/tpm/event-log.ts'
import { denialOf } from '../denials.ts'
import {
  BOOT,
  headerOf,
  type LogEvent,
  logOf,
  registersOf,
  u32le,
  variableData,
} from '../synthetic/boot-log.ts'

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')
const LOG = logOf(BOOT)
const HEADER = headerOf(['sha1', 'sha256'])
const at = (bytes: Buffer, offset: number, part: Uint8Array) => {
  const changed = Buffer.from(bytes)
  changed.set(part, offset)
  return changed
}

describe('a log', () => {
  it('adds up to its registers, in every bank', () => {
    const events = parseEventLog(logOf(BOOT, ['sha256', 'sha384']))
    for (const bank of ['sha256', 'sha384'] as const) {
      const registers = [...replay(events, bank)].map(([register, value]) => [register, hex(value)])
      expect(Object.fromEntries(registers)).toEqual(registersOf(BOOT, bank))
    }
  })

  it('of any events is read as it was written', () => {
    const event = fc.record({
      register: fc.nat(16),
      type: fc.integer({ min: 4, max: 2 ** 32 - 1 }),
      data: fc.uint8Array({ maxLength: 64 }),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), (written: LogEvent[]) => {
        const events = parseEventLog(logOf(written))
        expect(
          events.map(({ register, type, data }) => ({ register, type, data: hex(data) })),
        ).toEqual(written.map(({ register, type, data }) => ({ register, type, data: hex(data) })))
        expect(events.every((one) => covers(one, 'sha256'))).toBe(true)
      }),
      { seed: 1, numRuns: 50 },
    )
  })

  it('says at which locality the TPM was started', () => {
    const start = { register: 0, type: 3, data: Buffer.from('StartupLocality\0\x03') }
    const [first] = BOOT
    const started = parseEventLog(logOf([start, first as LogEvent]))
    const plain = parseEventLog(logOf([first as LogEvent]))
    expect(hex(replay(started, 'sha256').get(0))).not.toBe(hex(replay(plain, 'sha256').get(0)))
  })

  it('begins the registers of the dynamic root with ones', () => {
    const value = replay(
      parseEventLog(logOf([{ register: 17, type: 5, data: Buffer.of(1) }])),
      'sha256',
    )
    // SHA-256 of thirty-two ff and the SHA-256 of 01
    expect(hex(value.get(17))).toBe(
      '6955a775efb59cebcecdafc625ac7a40d01674499ebf0dccca42072d9375fd9f',
    )
  })

  it('may name no register where nothing is measured', () => {
    const note = { register: 0xffffffff, type: 3, data: Buffer.from('a note') }
    expect(replay(parseEventLog(logOf([note])), 'sha256').size).toBe(0)
  })

  it.each([
    ['is empty', Buffer.alloc(0), 'evidence.malformed: event log: ends early'],
    ['is cut', LOG.subarray(0, -1), 'evidence.malformed: event log: ends early'],
    ['goes on', Buffer.concat([LOG, Buffer.of(0)]), 'evidence.malformed: event log: ends early'],
    ['is too large', Buffer.alloc(1024 * 1024 + 1), 'evidence.too_large: event log'],
    ['has too many events', logOf(Array.from({ length: 4097 }, () => BOOT[0] as LogEvent), ['sha256']), 'evidence.budget: event log'],
    ['begins with another event', at(LOG, 4, Buffer.of(8)), 'evidence.weak_algorithm: event log: of the form that has SHA-1 only'],
    ['has no specification id', at(LOG, 32, Buffer.of(0)), 'evidence.malformed: event log: no specification id'],
    ['has no digests', at(LOG, 32 + 24, u32le(0)), 'evidence.malformed: event log: number of digests'],
    ['has more digests than there are', at(LOG, 32 + 24, u32le(9)), 'evidence.malformed: event log: number of digests'],
    ['has a digest that is not known', at(LOG, 32 + 28, Buffer.of(0x99)), 'evidence.malformed: event log: a digest that is not known, or twice'],
    ['has a digest of another length', at(LOG, 32 + 30, Buffer.of(32)), 'evidence.malformed: event log: a digest that is not known, or twice'],
    ['has a specification id that goes on', at(LOG, 28, u32le(HEADER.length - 32 + 1)), 'evidence.malformed: event log: specification id'],
    ['has an event of no register', at(LOG, HEADER.length, u32le(24)), 'evidence.malformed: event log: a register that is not there'],
    ['has an event with other digests', at(LOG, HEADER.length + 8, u32le(1)), 'evidence.malformed: event log: digests of an event'],
    ['has an event with a digest twice', at(LOG, HEADER.length + 12 + 22, Buffer.of(4)), 'evidence.malformed: event log: digests of an event'],
    ['has an event of any length', at(LOG, HEADER.length + 12 + 22 + 34, u32le(0xffffffff)), 'evidence.malformed: event log: ends early'],
  ])('is refused that %s', (_what, log, denial) => {
    expect(denialOf(() => parseEventLog(log))).toBe(denial)
  }) // biome-ignore format: rows

  it('of Windows with SHA-1 only is refused', () => {
    const file = join(
      import.meta.dirname,
      '../../fixtures/attestation/tpm/goatt-windows-gcp-sha1.json',
    )
    const { Log } = JSON.parse(readFileSync(file, 'utf8')) as { Log: { Raw: string } }
    expect(denialOf(() => parseEventLog(Buffer.from(Log.Raw, 'base64')))).toBe(
      'evidence.weak_algorithm: event log: of the form that has SHA-1 only',
    )
  })
})

it('a variable has a name and a value that fill it', () => {
  const data = variableData('db', Buffer.of(1, 2))
  expect(variableOf(data)).toMatchObject({ name: 'db', value: Buffer.of(1, 2) })
  for (const wrong of [data.subarray(1), data.subarray(0, -1), Buffer.concat([data, data])])
    expect(variableOf(wrong)).toBeUndefined()
})
