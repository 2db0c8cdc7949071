// Documents of others with the verdict they must have, read from test/fixtures/attestation; a table, no expectation of its own.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Collateral } from '../../src/attest/collateral.ts'
import { Denial } from '../../src/attest/denial.ts'
import type {
  AllowList,
  Claims,
  EvidenceItem,
  EvidenceRoot,
  EvidenceType,
  Verification,
} from '../../src/attest/evidence/evidence.ts'
import { readPem } from '../../src/attest/format/pem.ts'
import { VENDOR_ROOTS } from '../../src/attest/roots/roots.ts'
import { FORMS } from './tpm-forms.ts'
import { KNOWN, type Section } from './verifiers.ts'

/** A file below the fixtures: as it is, as base64url of its bytes (of DER: also from PEM, as a list), or as text or JSON. */
interface FileRef {
  readonly file: string
  readonly as?: 'base64url' | 'pem-list' | 'text' | 'json'
}

/** One row of a table `verdicts/<family>.json`. */
export interface Vector {
  /** A sentence: what it is, and what becomes of it. */
  readonly name: string
  readonly type: EvidenceType
  readonly file: string
  /** One of tpm-forms.ts, where the file is another project's form of the same signed bytes. */
  readonly form?: string
  /** Members may be `FileRef`s, at any depth. */
  readonly endorsements?: Readonly<Record<string, unknown>>
  readonly collateral?: readonly { readonly id: string; readonly file: string }[]
  /** ISO 8601. */
  readonly at: string
  /** Milliseconds; without it 60 s. */
  readonly skew?: number
  /** Hex: the field of the nonce, whole; without it freshness is not checked. */
  readonly expected?: string
  /** Hex: the binder. */
  readonly binder?: string
  /** Over the defaults of the section; below `reference` lists of digests. */
  readonly policy?: Readonly<Record<string, unknown>>
  /** `accept`, or where it is refused and why: `verify: evidence.chain`, `appraise: evidence.debug`. */
  readonly verdict: string
  /** Members that the claims must have, when it is genuine. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The whole trust vector, when it is accepted. */
  readonly trust?: Readonly<Record<string, number>>
}

const folder = join(import.meta.dirname, '../fixtures/attestation')

/** A name that ends in `.gz` is of what was packed; a token ends where its line does. */
export function readFixture(file: string): Buffer {
  const bytes = readFileSync(join(folder, file))
  const unpacked = file.endsWith('.gz') ? gunzipSync(bytes) : bytes
  return file.includes('.jwt') ? Buffer.from(unpacked.toString().trimEnd()) : unpacked
}

/** DER of every certificate of a PEM file. */
export function readChain(file: string): readonly Uint8Array[] {
  return readPem(readFixture(file).toString()).map(({ bytes }) => bytes)
}

/** Names of the families that have a table. */
export function families(): readonly string[] {
  return readdirSync(join(folder, 'verdicts'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort()
}

export function vectorsOf(family: string): readonly Vector[] {
  return JSON.parse(readFixture(`verdicts/${family}.json`).toString()) as Vector[]
}

/** The row of this name. */
export function vector(family: string, name: string): Vector {
  const found = vectorsOf(family).find((one) => one.name === name)
  if (!found) throw new Error(`${family} has no vector: ${name}`)
  return found
}

export interface Outcome {
  readonly verdict: string
  /** What the refusal says, for whoever reads a test that failed. */
  readonly says?: string
  readonly claims?: Claims
  readonly trust?: Readonly<Record<string, number>>
}

export interface Run {
  readonly item: EvidenceItem
  readonly at: Verification
  readonly policy: never
}

export function runOf(row: Vector, roots: Verification['roots'] = VENDOR_ROOTS): Run {
  const known = KNOWN[row.type]
  if (!known) throw new Error(`no verifier of ${row.type}`)
  const nonce = row.binder ?? row.expected
  const kind = row.binder === undefined ? 'exact' : 'binder'
  return {
    item: {
      type: row.type,
      bytes: documentOf(row),
      endorsements: resolved(row.endorsements ?? {}) as Record<string, unknown>,
    },
    at: {
      now: Date.parse(row.at),
      skew: row.skew ?? 60_000,
      expected: nonce === undefined ? undefined : { kind, bytes: Buffer.from(nonce, 'hex') },
      roots,
      collateral: collateralOf(row),
    },
    policy: policyOf(known.section, row.policy ?? {}),
  }
}

function documentOf({ file, form }: Vector): Buffer {
  const bytes = readFixture(file)
  if (form === undefined) return bytes
  const convert = FORMS[form]
  if (!convert) throw new Error(`no form ${form}`)
  return Buffer.from(JSON.stringify(convert(JSON.parse(bytes.toString()) as never)))
}

/** What becomes of a document: the stage that ends it and its reason. A fault is thrown on. */
export function outcomeOf({ item, at, policy }: Run): Outcome {
  const verifier = KNOWN[item.type]?.verifier
  if (!verifier) throw new Error(`no verifier of ${item.type}`)
  let claims: Claims
  try {
    claims = verifier.verify(item, at)
  } catch (error) {
    return { verdict: `verify: ${reasonOf(error)}`, says: String(error) }
  }
  try {
    const { trust } = verifier.appraise(claims, policy, { now: at.now })
    return { verdict: 'accept', claims, trust }
  } catch (error) {
    return { verdict: `appraise: ${reasonOf(error)}`, says: String(error), claims }
  }
}

/** A root with other bytes: what was pinned is pinned no more. */
export function otherRoots(family: string, der: Uint8Array): Verification['roots'] {
  const root: EvidenceRoot = { id: 'another', der }
  return { ...VENDOR_ROOTS, [family]: [root] }
}

function reasonOf(error: unknown): string {
  if (error instanceof Denial) return error.reason
  throw error
}

function collateralOf({ collateral = [], at }: Vector): Collateral {
  return new Map(
    collateral.map(({ id, file }) => [
      id,
      { bytes: readFixture(file), receivedAt: Date.parse(at) },
    ]),
  )
}

/** The fragment over the defaults of the schema, lists below `reference` as the compiled policy has them. */
export function policyOf(section: Section, fragment: Readonly<Record<string, unknown>>): never {
  const defaults = Object.entries(section.properties).flatMap(([name, schema]) =>
    'default' in schema ? [[name, schema.default]] : [],
  )
  return { ...Object.fromEntries(defaults), ...(listed(fragment, false) as object) } as never
}

function listed(value: unknown, below: boolean): unknown {
  if (Array.isArray(value)) return below ? allow(value) : value.map((one) => listed(one, false))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      listed(inner, below || name === 'reference'),
    ]),
  )
}

export function allow(digests: readonly string[], notAfter?: number): AllowList {
  return Object.fromEntries(
    digests.map((id) => [id, notAfter === undefined ? { id } : { id, notAfter }]),
  )
}

function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved)
  if (typeof value !== 'object' || value === null) return value
  if ('file' in value) return contentOf(value as FileRef)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner)]))
}

function contentOf({ file, as = 'base64url' }: FileRef): unknown {
  switch (as) {
    case 'base64url':
      return readFixture(file).toString('base64url')
    case 'pem-list':
      return readChain(file).map((der) => Buffer.from(der).toString('base64url'))
    case 'text':
      return readFixture(file).toString()
    case 'json':
      return JSON.parse(readFixture(file).toString())
  }
}
