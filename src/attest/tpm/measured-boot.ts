// What a verified event log says beyond the registers: which programs were started, and settings whose digests cover them.
import { Denial } from '../denial.ts'
import { equalBytes, hexOf } from '../format/der.ts'
import {
  type BootEvent,
  covers,
  EVENT,
  parseEventLog,
  replay,
  utf16,
  variableOf,
} from './event-log.ts'
import { programName } from './policy.ts'
import type { Registers } from './quote.ts'
import type { TpmHash } from './tpms.ts'

export interface MeasuredBoot {
  /** `sha256.pcr4.application0` and so on, in the order they were started. */
  readonly measurements: Readonly<Record<string, string>>
  readonly flags: Readonly<Record<string, boolean | string>>
}

/** EFI_GLOBAL_VARIABLE, as it stands in memory. */
const GLOBAL = '61dfe48bca93d211aa0d00e098032b8c'
/** Where the firmware measures itself, the programs it starts, and the policy of secure boot. */
const FIRMWARE = 0
const PROGRAMS = 4
const POLICY = 7
const LAST_OF_FIRMWARE = 7

/**
 * The log must add up to every quoted register of which it speaks; only events of such registers are used. A register that is
 * extended after boot, outside the log, is left out of the quote or has its events in the log.
 * Throws `evidence.measurement_mismatch` and what `parseEventLog` throws.
 */
export function checkMeasuredBoot(log: Uint8Array, registers: Registers): MeasuredBoot {
  const events = parseEventLog(log)
  const measurements: Record<string, string> = {}
  const flags: Record<string, boolean | string> = {}
  for (const [bank, quoted] of registers) {
    assertAddsUp(events, bank, quoted)
    addPrograms(measurements, events, { bank, isQuoted: quoted.has(PROGRAMS) })
    addSettings(flags, events, { bank, quoted })
  }
  return { measurements, flags }
}

function assertAddsUp(
  events: readonly BootEvent[],
  bank: TpmHash,
  quoted: ReadonlyMap<number, Uint8Array>,
): void {
  const replayed = replay(events, bank)
  for (const [register, signed] of quoted) {
    const value = replayed.get(register)
    // registers above are extended by whatever runs later; these by nobody but who writes the log
    const isLeftOut = !value && register <= LAST_OF_FIRMWARE && signed.some((octet) => octet !== 0)
    if (isLeftOut || (value && !equalBytes(signed, value)))
      throw new Denial('evidence.measurement_mismatch', `event log: ${bank} register ${register}`)
  }
}

function addPrograms(
  measurements: Record<string, string>,
  events: readonly BootEvent[],
  { bank, isQuoted }: { readonly bank: TpmHash; readonly isQuoted: boolean },
): void {
  if (!isQuoted) return
  let count = 0
  for (const { register, type, digests } of events) {
    const digest = digests.get(bank)
    if (register === PROGRAMS && type === EVENT.bootApplication && digest)
      measurements[programName(bank, count++)] = `${bank}:${hexOf(digest)}`
  }
}

/** Text and variables are what the firmware says they are only where the digest is of them. */
function addSettings(
  flags: Record<string, boolean | string>,
  events: readonly BootEvent[],
  { bank, quoted }: { readonly bank: TpmHash; readonly quoted: ReadonlyMap<number, Uint8Array> },
): void {
  for (const event of events) {
    const { register, type, data } = event
    if (!quoted.has(register)) continue
    if (register === FIRMWARE && type === EVENT.crtmVersion && covers(event, bank))
      flags.firmware_version = utf16(data.subarray(0, 128)).replace(/[^\x20-\x7e]/g, '')
    if (register !== POLICY || type !== EVENT.variableConfig) continue
    const variable = variableOf(data)
    if (variable?.guid !== GLOBAL || variable.name !== 'SecureBoot' || !covers(event, bank))
      continue
    // what was said first holds: nothing measured later may turn it on
    const isOn = variable.value.length === 1 && variable.value[0] === 1
    flags.secure_boot = flags.secure_boot !== false && isOn
  }
}
