// TDX and SGX quotes with their collateral under a made-up Intel, for what genuine ones cannot show: freshness, revocation, every status.
import { createHash, type KeyObject, sign } from 'node:crypto'
import type { Collateral } from '../../../src/attest/collateral.ts'
import type { EvidenceItem, EvidenceRoot } from '../../../src/attest/evidence/evidence.ts'
import {
  type Authority,
  type Chip,
  type IntelPki,
  keyFrom,
  makeCrl,
  makeIntelPki,
  pem,
  pointOf,
  SERIAL,
} from './intel-pki.ts'

type Json = Record<string, unknown>

export interface DcapOptions {
  readonly tee?: 'tdx' | 'sgx'
  /** 3 is of SGX only; 5 of TDX has a TD 1.5 body. */
  readonly version?: 3 | 4 | 5
  /** Milliseconds since the epoch: certificates hold from a day before, collateral is of an hour before and holds for 30 days. */
  readonly now: number
  /** 64 bytes; zeros without it. */
  readonly reportData?: Uint8Array
  /** Other keys, and so another root, for another seed. */
  readonly seed?: string
  /** Of another one of the same seed: its certificates, byte for byte, as signatures differ each time. */
  readonly pki?: IntelPki
  /** What differs from a good platform. */
  readonly chip?: Partial<Chip>
  /** Bytes to put into the body, by offset. */
  readonly body?: Readonly<Record<number, Uint8Array>>
  /** Bytes to put into the QE report, by offset. */
  readonly qe?: Readonly<Record<number, Uint8Array>>
  /** Changes before they are signed. */
  readonly tcbInfo?: (info: Json) => Json
  readonly qeIdentity?: (identity: Json) => Json
  /** Who stands on the CRLs. */
  readonly revoked?: readonly ('ca' | 'pck' | 'signer')[]
}

export interface SyntheticDcap {
  /** With everything sent along: what a server would send. */
  readonly item: EvidenceItem
  readonly root: EvidenceRoot
  readonly pki: IntelPki
  readonly quote: Buffer
  /** Where the parts of the quote begin. */
  readonly at: Readonly<Record<'signature' | 'key' | 'qe' | 'qeSignature' | 'chain', number>>
  /** The same documents as Intel's service answers with them. */
  readonly fetched: Collateral
}

export const CHIP: Chip = {
  fmspc: '50806f000000',
  pceId: '0000',
  ppid: '0102030405060708090a0b0c0d0e0f10',
  svns: [5, 5, 2, 2, 3, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
}
const HOUR = 3_600_000
const QE_SIGNER = 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5'
const QE_AUTH = Buffer.from([...Array(32).keys()])

/** A quote of a good platform: UpToDate, no debug, SEPT_VE_DISABLE, MRTD and RTMRs of repeated bytes. */
export function makeDcap(options: DcapOptions): SyntheticDcap {
  const { tee = 'tdx', now, seed = 'synthetic', revoked = [] } = options
  const pki = options.pki ?? makeIntelPki(seed, { ...CHIP, ...options.chip }, now)
  const { quote, at } = quoteOf(pki, options)
  const tcb = signed(tcbInfo(tee, now), options.tcbInfo, pki.signer)
  const qe = signed(qeIdentity(tee, now), options.qeIdentity, pki.signer)
  const serials = (...names: ('ca' | 'pck' | 'signer')[]) =>
    names.filter((name) => revoked.includes(name)).map((name) => SERIAL[name])
  const pckCrl = makeCrl(pki.ca, serials('pck'), now)
  const rootCrl = makeCrl(pki.root, serials('ca', 'signer'), now)
  const collateral = {
    tcb_info: tcb.text,
    tcb_info_signature: tcb.signature,
    tcb_info_issuer_chain: pem(pki.signer, pki.root),
    qe_identity: qe.text,
    qe_identity_signature: qe.signature,
    qe_identity_issuer_chain: pem(pki.signer, pki.root),
    pck_crl: Buffer.from(pckCrl).toString('hex'),
    root_ca_crl: Buffer.from(rootCrl).toString('hex'),
  }
  return {
    item: { type: tee, bytes: quote, endorsements: { collateral } },
    root: { id: `synthetic-${seed}`, der: pki.root.der, synthetic: true },
    pki,
    quote,
    at,
    fetched: responsesOf(collateral, { ...CHIP, ...options.chip }, pki, tee),
  }
}

/** Collateral as it is sent along, in the form of PCS responses under the ids that `needs` names. */
export function responsesOf(
  sent: Readonly<Record<string, string>>,
  { fmspc }: Pick<Chip, 'fmspc'>,
  { ca, root }: Pick<IntelPki, 'ca' | 'root'>,
  tee: 'tdx' | 'sgx',
): Collateral {
  const text = (name: string): string => sent[name] as string
  const response = (member: string, name: string, header: string) => ({
    bytes: Buffer.from(`{"${member}":${text(name)},"signature":"${text(`${name}_signature`)}"}`),
    headers: { [header]: encodeURIComponent(text(`${name}_issuer_chain`)) },
    receivedAt: 0,
  })
  const crl = (name: string) => ({ bytes: Buffer.from(text(name), 'hex'), receivedAt: 0 })
  return new Map([
    [`${tee}-tcb:${fmspc}`, response('tcbInfo', 'tcb_info', 'TCB-Info-Issuer-Chain')],
    [`${tee}-qe`, response('enclaveIdentity', 'qe_identity', 'SGX-Enclave-Identity-Issuer-Chain')],
    [crlIdOf(ca), crl('pck_crl')],
    [crlIdOf(root), crl('root_ca_crl')],
  ])
}

function crlIdOf({ name }: Authority): string {
  const common = Buffer.from([0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, name.length])
  const inner = Buffer.concat([common, Buffer.from(name)])
  const wrap = (tag: number, content: Buffer) =>
    Buffer.concat([Buffer.of(tag, content.length), content])
  const der = wrap(0x30, wrap(0x31, wrap(0x30, inner)))
  return `crl:${createHash('sha256').update(der).digest('hex')}`
}

function signed(value: Json, change: ((value: Json) => Json) | undefined, by: Authority) {
  const text = JSON.stringify(change ? change(value) : value)
  return { text, signature: p1363(Buffer.from(text), by.key).toString('hex') }
}

const p1363 = (data: Uint8Array, key: KeyObject): Buffer =>
  sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })

const isoTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`

const svnList = (svns: readonly number[]) => svns.map((svn) => ({ svn }))

function tcbInfo(tee: 'tdx' | 'sgx', now: number): Json {
  const zeros = Array<number>(13).fill(0)
  const level = (pcesvn: number, tcbStatus: string, advisoryIDs?: string[]) => ({
    tcb: {
      sgxtcbcomponents: svnList(CHIP.svns),
      pcesvn,
      ...(tee === 'tdx' && { tdxtcbcomponents: svnList([5, 0, 5, ...zeros]) }),
    },
    tcbDate: '2024-03-13T00:00:00Z',
    tcbStatus,
    ...(advisoryIDs && { advisoryIDs }),
  })
  const module = {
    mrsigner: '00'.repeat(48),
    attributes: '0000000000000000',
    attributesMask: 'FFFFFFFFFFFFFFFF',
  }
  const moduleLevels = [
    { tcb: { isvsvn: 4 }, tcbDate: '2024-03-13T00:00:00Z', tcbStatus: 'UpToDate' },
    { tcb: { isvsvn: 2 }, tcbDate: '2023-08-09T00:00:00Z', tcbStatus: 'OutOfDate', advisoryIDs: ['INTEL-SA-01036'] },
  ] // biome-ignore format: rows
  return {
    id: tee.toUpperCase(),
    version: 3,
    issueDate: isoTime(now - HOUR),
    nextUpdate: isoTime(now + 30 * 24 * HOUR),
    fmspc: CHIP.fmspc.toUpperCase(),
    pceId: CHIP.pceId,
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(tee === 'tdx' && {
      tdxModule: module,
      tdxModuleIdentities: [{ id: 'TDX_01', ...module, tcbLevels: moduleLevels }],
    }),
    tcbLevels: [
      level(13, 'UpToDate'),
      level(11, 'SWHardeningNeeded', ['INTEL-SA-00615']),
      level(9, 'ConfigurationNeeded'),
      level(7, 'OutOfDate', ['INTEL-SA-00837']),
      level(5, 'Revoked', ['INTEL-SA-00106']),
    ],
  }
}

function qeIdentity(tee: 'tdx' | 'sgx', now: number): Json {
  return {
    id: tee === 'tdx' ? 'TD_QE' : 'QE',
    version: 2,
    issueDate: isoTime(now - HOUR),
    nextUpdate: isoTime(now + 30 * 24 * HOUR),
    tcbEvaluationDataNumber: 17,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: QE_SIGNER.toUpperCase(),
    isvprodid: tee === 'tdx' ? 2 : 1,
    tcbLevels: [
      { tcb: { isvsvn: 4 }, tcbDate: '2024-03-13T00:00:00Z', tcbStatus: 'UpToDate' },
      { tcb: { isvsvn: 2 }, tcbDate: '2023-02-15T00:00:00Z', tcbStatus: 'OutOfDate' },
    ],
  }
}

const u16 = (value: number): Buffer => Buffer.of(value & 0xff, value >> 8)
const u32 = (value: number): Buffer => Buffer.concat([u16(value & 0xffff), u16(value >>> 16)])

function quoteOf(pki: IntelPki, options: DcapOptions) {
  const { tee = 'tdx', version = tee === 'tdx' ? 4 : 3, seed = 'synthetic' } = options
  const key = keyFrom(`${seed} attestation key`)
  const header = Buffer.concat([
    u16(version),
    u16(2),
    u32(tee === 'tdx' ? 0x81 : 0),
    u32(0),
    Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex'),
    Buffer.alloc(20),
  ])
  const body = tee === 'tdx' ? tdBody(version, options) : sgxBody(options)
  const type = tee === 'sgx' ? 1 : 3
  const descriptor = version === 5 ? Buffer.concat([u16(type), u32(body.length)]) : Buffer.alloc(0)
  const content = Buffer.concat([header, descriptor, body])
  const qe = qeReport(tee, pointOf(key), options.qe)
  const chain = Buffer.from(`${pem(pki.pck, pki.ca, pki.root)}\0`)
  const qePart = Buffer.concat([
    qe,
    p1363(qe, pki.pck.key),
    u16(QE_AUTH.length),
    QE_AUTH,
    u16(5),
    u32(chain.length),
    chain,
  ])
  const wrapper = version === 3 ? Buffer.alloc(0) : Buffer.concat([u16(6), u32(qePart.length)])
  const auth = Buffer.concat([p1363(content, key), pointOf(key), wrapper, qePart])
  const signature = content.length + 4
  const qeAt = signature + 128 + wrapper.length
  return {
    quote: Buffer.concat([content, u32(auth.length), auth]),
    at: {
      signature,
      key: signature + 64,
      qe: qeAt,
      qeSignature: qeAt + 384,
      chain: qeAt + qePart.length - chain.length,
    },
  }
}

function put(into: Buffer, parts: Readonly<Record<number, Uint8Array>>): Buffer {
  for (const [at, bytes] of Object.entries(parts)) into.set(bytes, Number(at))
  return into
}

function tdBody(version: number, { reportData = new Uint8Array(64), body = {} }: DcapOptions) {
  const rtmrs = [0xa0, 0xa1, 0xa2, 0xa3].map((byte) => Buffer.alloc(48, byte))
  return put(Buffer.alloc(version === 5 ? 648 : 584), {
    0: Buffer.of(5, 1, 5),
    16: Buffer.alloc(48, 0x5e),
    120: Buffer.of(0, 0, 0, 0x10, 0, 0, 0, 0),
    128: Buffer.of(0xe7, 0x02, 0x06),
    136: Buffer.alloc(48, 0x7d),
    328: Buffer.concat(rtmrs),
    520: reportData,
    ...body,
  })
}

function sgxBody({ reportData = new Uint8Array(64), body = {} }: DcapOptions) {
  return put(Buffer.alloc(384), {
    48: Buffer.of(0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7),
    64: Buffer.alloc(32, 0xec),
    128: Buffer.alloc(32, 0x51),
    256: Buffer.concat([u16(7), u16(3)]),
    320: reportData,
    ...body,
  })
}

function qeReport(tee: 'tdx' | 'sgx', point: Buffer, parts: DcapOptions['qe'] = {}): Buffer {
  return put(Buffer.alloc(384), {
    48: Buffer.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7),
    64: Buffer.alloc(32, 0x0e),
    128: Buffer.from(QE_SIGNER, 'hex'),
    256: Buffer.concat([u16(tee === 'tdx' ? 2 : 1), u16(4)]),
    320: createHash('sha256').update(point).update(QE_AUTH).digest(),
    ...parts,
  })
}
