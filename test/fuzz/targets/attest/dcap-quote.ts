// Fuzz target: DCAP quotes, read and verified. Nothing but a Denial is thrown, and what verifies says what a genuine quote says.
import { readFileSync } from 'node:fs'
import { type DcapQuote, parseQuote } from '../../../../src/attest/dcap/quote.ts'
import { sgx } from '../../../../src/attest/dcap/sgx.ts'
import { tdx } from '../../../../src/attest/dcap/tdx.ts'
import { Denial } from '../../../../src/attest/denial.ts'
import type { EvidenceItem, Verification } from '../../../../src/attest/evidence/evidence.ts'
import { INTEL_ROOTS } from '../../../../src/attest/roots/intel.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'

const folder = `${import.meta.dirname}/../../../fixtures/attestation/tdx`
const GENUINE = ['phala-tdx', 'phala-sgx', 'goog-tdx-v4', 'goog-tdx-v5', 'coco-tdx-v4-debug'].map(
  (name) => readFileSync(`${folder}/${name}.quote.dat`),
)
const collateralOf = (name: string): EvidenceItem['endorsements'] => ({
  collateral: JSON.parse(readFileSync(`${folder}/${name}.collateral.json`, 'utf8')),
})
const ENDORSEMENTS = { tdx: collateralOf('phala-tdx'), sgx: collateralOf('phala-sgx') }
const AT: Verification = {
  now: Date.parse('2025-06-19T12:00:00Z'),
  skew: 0,
  expected: undefined,
  roots: { intel: INTEL_ROOTS },
  collateral: new Map(),
}
const CONTENTS: ReadonlySet<string> = new Set([
  '263b491bb14d627cc0d13408888dbe1ef550b7b8265794702303300bc388ef17',
  '317ca572f16e69d6138147b5ccdc6ce4285fea76ebd848edc211b73ab38f0a35',
])

export const dcapQuote: Target = {
  name: 'dcap-quote',
  files: ['src/attest/dcap/quote.ts'],
  tokens: ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '\x03\0\x02\0', '\x04\0\x02\0', '\x05\0', '\x06\0', '\x81\0\0\0'], // biome-ignore format: a row
  runs: 2500,
  branches: 90,
  generate,
  run(bytes) {
    const quote = denied(() => parseQuote(bytes, { trimTrailing: true }))
    if (typeof quote === 'string') return { accepted: false, trait: quote }
    checkParts(quote, bytes)
    const item = { type: quote.tee, bytes, endorsements: ENDORSEMENTS[quote.tee] }
    const verifier = quote.tee === 'tdx' ? tdx : sgx
    denied(() => verifier.needs?.(item, {} as never))
    const claims = denied(() => verifier.verify(item, AT))
    if (typeof claims === 'string') return { accepted: true, trait: `${quote.version} ${claims}` }
    holds(CONTENTS.has(claims.contentSha256), 'what verifies is what Intel’s hardware signed')
    holds(claims.anchor === 'intel-sgx-root-ca', 'its root is the pinned one')
    return { accepted: true, trait: `verified ${quote.version} ${quote.trailing > 0}` }
  },
}

function denied<T>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    // numbers differ without being another way
    return `${error.reason} ${error.detail?.replace(/\d+/g, 'n')}`
  }
}

function checkParts(quote: DcapQuote, bytes: Buffer): void {
  const { signed, signature, attestationKey, qe, body, trailing } = quote
  const size = quote.tee === 'sgx' ? [384] : [584, 648]
  holds(size.includes(body.bytes.length), 'the body has the size of its kind')
  holds(signature.length === 64 && attestationKey.length === 64, 'signature and key are of P-256')
  holds(qe.bytes.length === 384 && body.reportData.length === 64, 'reports have their sizes')
  const descriptor = quote.version === 5 ? 6 : 0
  holds(signed.length === 48 + descriptor + body.bytes.length, 'header and body are signed, whole')
  const strict = denied(() => parseQuote(bytes))
  holds((typeof strict === 'string') === trailing > 0, 'bytes after the end are refused')
}

/** A genuine quote with a few bytes changed where something is decided, padded, or with something behind it. */
function generate(random: Random): Buffer {
  const genuine = pick(random, GENUINE)
  const bytes = Buffer.concat([genuine, Buffer.alloc(random(3) * 30, random(2))])
  for (let turns = random(3); turns > 0; turns--) {
    const at = pick(random, PLACES)(bytes, random)
    if (at < bytes.length) bytes[at] = pick(random, [random(256), (bytes[at] as number) ^ 1])
  }
  return bytes
}

const PLACES: readonly ((bytes: Buffer, random: Random) => number)[] = [
  () => 0,
  (_, random) => random(48),
  (_, random) => 48 + random(6),
  (_, random) => 430 + random(300),
  (_, random) => 636 + random(600),
  ({ length }, random) => random(length),
]
