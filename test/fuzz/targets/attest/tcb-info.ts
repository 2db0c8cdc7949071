// Fuzz target: collateral JSON, whose members are found in its bytes and judged. Only Denials, and no other JSON than JSON.parse finds.

import type { Pck } from '../../../../src/attest/dcap/pck.ts'
import { parseQuote, type TdReport } from '../../../../src/attest/dcap/quote.ts'
import { Denial } from '../../../../src/attest/denial.ts'
import { readJson } from '../../../../src/attest/format/json.ts'
import { membersOf } from '../../../../src/attest/tcb/members.ts'
import { qeLevel } from '../../../../src/attest/tcb/qe-identity.ts'
import { TCB_STATUSES, type TcbLevel, worstOf } from '../../../../src/attest/tcb/status.ts'
import {
  assertTcbInfoIsOf,
  moduleLevel,
  platformLevel,
} from '../../../../src/attest/tcb/tcb-info.ts'
import { readFixture } from '../../../attest/vectors.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'

const QUOTE = parseQuote(readFixture('tdx/phala-tdx.quote.dat'))
const ENCLAVE = parseQuote(readFixture('tdx/phala-sgx.quote.dat'))
const REPORT = QUOTE.body as TdReport
const PCK: Pck = {
  fmspc: 'b0c06f000000',
  pceId: '0000',
  ppid: new Uint8Array(16),
  svns: [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 11,
  cpuSvn: new Uint8Array(16),
  platformInstanceId: undefined,
  configuration: undefined,
}

export const tcbInfo: Target = {
  name: 'tcb-info',
  files: [
    'src/attest/tcb/members.ts',
    'src/attest/tcb/fields.ts',
    'src/attest/tcb/status.ts',
    'src/attest/tcb/tcb-info.ts',
    'src/attest/tcb/qe-identity.ts',
  ],
  tokens: ['"tcbInfo":', '"enclaveIdentity":', '"signature":"', '"svn":255', '"isvsvn":', '"TDX_01"', '"tcbStatus":"Revoked"', '"advisoryIDs":[', '"00"'], // biome-ignore format: a row
  runs: 10_000,
  branches: 90,
  generate,
  run(bytes) {
    try {
      const members = membersOf(bytes, 'document')
      checkMembers(bytes, members)
      const levels = [...members].flatMap(([name, value]) => levelsOf(name, value))
      const { status, advisories } = worstOf(levels)
      holds(TCB_STATUSES.includes(status), 'a status is one of the table')
      holds(
        advisories.every((one) => one.length <= 256),
        'advisories are short',
      )
      return { accepted: true, trait: `${members.size} ${levels.length} ${status}` }
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      return { accepted: false, trait: `${error.reason} ${error.detail}` }
    }
  },
}

/** Where JSON.parse takes the whole, it finds the same members; what it does not take is seen when their bytes are parsed. */
function checkMembers(bytes: Buffer, members: ReadonlyMap<string, Uint8Array>): void {
  const whole = parsed(bytes)
  const parts = [...members].map(([name, value]) => [name, parsed(value)] as const)
  if (whole === undefined) {
    const isUtf8 = Buffer.from(bytes.toString()).equals(bytes)
    holds(
      !isUtf8 || parts.some(([, value]) => value === undefined),
      'no JSON is made of what is none',
    )
    return
  }
  const found = Object.fromEntries(parts.map(([name, value]) => [`.${name}`, value]))
  const wanted = Object.entries(whole as object).map(([name, value]) => [
    `.${Buffer.from(name).toString('latin1')}`,
    value,
  ])
  holds(
    JSON.stringify(Object.entries(found)) === JSON.stringify(wanted),
    'members are those of JSON',
  )
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

function levelsOf(name: string, value: Uint8Array): readonly TcbLevel[] {
  if (name === 'signature') return []
  const json = readJson(value, name)
  if (name === 'enclaveIdentity')
    return json.id === 'QE' ? [qeLevel(json, 'sgx', ENCLAVE.qe)] : [qeLevel(json, 'tdx', QUOTE.qe)]
  if (json.id === 'SGX') return [platformLevel(json, PCK, undefined)]
  assertTcbInfoIsOf(json, 'tdx', PCK)
  const module = moduleLevel(json, REPORT)
  const old = { ...REPORT, teeTcbSvn: REPORT.teeTcbSvn.with(1, 0) }
  moduleLevel(json, old)
  return [platformLevel(json, PCK, old.teeTcbSvn), ...(module ? [module] : [])]
}

const DOCUMENTS = ['tdx', 'sgx'].flatMap((tee) => {
  const sent = JSON.parse(readFixture(`tdx/phala-${tee}.collateral.json`).toString())
  return [
    `{"tcbInfo":${sent.tcb_info},"signature":"${sent.tcb_info_signature}"}`,
    `{"enclaveIdentity":${sent.qe_identity},"signature":"${sent.qe_identity_signature}"}`,
  ]
})
const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/"tcbStatus":"\w+"/, '"tcbStatus":"SWHardeningNeeded"'],
  [/"tcbStatus":"\w+"/, '"tcbStatus":"Fine"'],
  [/"svn":\d+/, '"svn":200'],
  [/"isvsvn":\d+/, '"isvsvn":200'],
  [/"pcesvn":\d+/, '"pcesvn":-1'],
  [/"TDX_01"/, '"TDX_02"'],
  [/"mrsigner":"../, '"mrsigner":"01'],
  [/"attributes":"../, '"attributes":"FF'],
  [/"miscselect":"../, '"miscselect":"01'],
  [/"isvprodid":\d/, '"isvprodid":9'],
  [/"fmspc":"../, '"fmspc":"99'],
  [/"pceId":"../, '"pceId":"01'],
  [/"tcbType":0/, '"tcbType":1'],
  [/"version":\d/, '"version":1'],
  [/\{"svn":0\},/, ''],
  [/,/, ' ,\n'],
]

/** A genuine document with a few values changed where something is decided. */
function generate(random: Random): Buffer {
  let text = pick(random, DOCUMENTS)
  for (let turns = random(3); turns > 0; turns--) text = text.replace(...pick(random, CHANGES))
  return Buffer.from(text)
}
