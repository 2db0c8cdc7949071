// Fuzz target: the SGX extension of PCK certificates. Nothing but a Denial is thrown, and every number is within its bounds.

import { readPck } from '../../../../src/attest/dcap/pck.ts'
import { Denial } from '../../../../src/attest/denial.ts'
import type { Certificate } from '../../../../src/attest/format/certificate.ts'
import { SGX_OID, sgxValue } from '../../../attest/synthetic/intel-pki.ts'
import { CHIP } from '../../../attest/synthetic/tdx.ts'
import { holds } from '../../holds.ts'
import type { Random } from '../../random.ts'
import type { Target } from '../../target.ts'

export const pck: Target = {
  name: 'pck',
  files: ['src/attest/dcap/pck.ts'],
  tokens: ['\x30\x10', '\x02\x01\x05', '\x04\x02\0\0', '\x01\x01\xff', '\x06\x0a\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01'], // biome-ignore format: a row
  runs: 10_000,
  branches: 90,
  generate,
  run(bytes) {
    try {
      const { fmspc, pceId, ppid, svns, pceSvn, cpuSvn, configuration } = readPck({
        extensions: extensionsOf(bytes),
      })
      holds(/^[0-9a-f]{12}$/.test(fmspc) && /^[0-9a-f]{4}$/.test(pceId), 'ids are hex')
      holds(svns.length === 16 && svns.every((svn) => svn >= 0 && svn <= 255), 'SVNs are bytes')
      holds(pceSvn >= 0 && pceSvn <= 65535, 'PCESVN is of 16 bits')
      holds(ppid.length === 16 && cpuSvn.length === 16, 'PPID and CPUSVN are of 16 bytes')
      return { accepted: true, trait: JSON.stringify(configuration) ?? 'none' }
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      holds(error.reason === 'evidence.malformed', 'a refusal is evidence.malformed')
      return { accepted: false, trait: String(error.detail) }
    }
  },
}

/** Of a certificate with it; nothing: of one without. */
function extensionsOf(value: Buffer): Certificate['extensions'] {
  return new Map(value.length === 0 ? [] : [[SGX_OID, { critical: false, value }]])
}

/** Mostly a good one, or one with a value out of bounds. */
function generate(random: Random): Buffer {
  const seldom = <T>(good: T, bad: T): T => (random(8) === 0 ? bad : good)
  const chip = {
    ...CHIP,
    svns: CHIP.svns.with(random(16), seldom(random(256), 256)),
    pceSvn: seldom(random(65536), 65536),
    ppid: seldom(CHIP.ppid, '00'),
  }
  return Buffer.from(sgxValue(chip))
}
