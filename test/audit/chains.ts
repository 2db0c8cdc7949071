// What tests of chains share: keys, records, files of several chains, and the verdict about one.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { auditFiles, fileEvidence } from '../../src/audit/file-evidence.ts'
import { LineChain } from '../../src/audit/line.ts'
import { type AuditRecord, lineOf } from '../../src/audit/record.ts'
import { type Verdict, verifyChains } from '../../src/audit/verify.ts'
import { createSigner, digestOf, type Head } from '../../src/base/chain.ts'

const pair = generateKeyPairSync('ed25519')
export const PUBLIC: KeyObject = pair.publicKey
export const PEM = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
export const signer = createSigner(PEM)

export const record = (seq: number, reason = 'r'): AuditRecord => ({
  time: 1_700_000_000_000 + seq,
  seq,
  kind: 'refusal',
  reason,
})

/** One chain as its lines: signed at the start and at the end, unless nobody signs. */
export function chainOf(
  id: string,
  reasons: readonly string[],
  before: { previous?: Head[]; torn?: string } = {},
  signed = true,
): string[] {
  const { previous = [], torn } = before
  const chain = new LineChain({ id, signer: signed ? signer : undefined, wall: () => 0 })
  let text = chain.begin({ previous, ...(torn ? { torn: [digestOf(torn)] } : {}) })
  reasons.forEach((reason, index) => {
    text += chain.line(lineOf(record(index + 1, reason)), index + 1)
  })
  return (text + chain.checkpoint()).split('\n').slice(0, -1)
}

export function headOf(line: string | undefined): Head {
  const { chain, n, hash } = JSON.parse(line ?? '') as Head
  return { chain, n, hash }
}

export async function verdictOf(path: string, keys: readonly KeyObject[] = []): Promise<Verdict> {
  const files = await auditFiles(path)
  return verifyChains(() => fileEvidence(files), keys)
}
