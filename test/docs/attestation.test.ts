// Tables of docs/attestation.md and docs/attestation-reasons.md beside what the source says: nothing is missing, nothing is made up.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { RUNBOOK } from '../../scripts/reference/runbook.ts'
import { loadPolicies } from '../../src/app/attestation/policies.ts'
import { DRIFTS } from '../../src/attest/admission/drift.ts'
import { EVIDENCE_TYPES } from '../../src/attest/evidence/evidence.ts'
import { EVIDENCE_KINDS } from '../../src/attest/evidence/media.ts'
import { binderOf } from '../../src/attest/freshness/binder.ts'
import { REASONS } from '../../src/attest/reasons.ts'
import { root } from '../support/paths.ts'

const read = (page: string): string => readFileSync(join(root, 'docs', page), 'utf8')
const guide = read('attestation.md')

/** First cells, as code, of the table that follows a heading. */
function firstCells(heading: string): readonly string[] {
  const section = guide.slice(guide.indexOf(`\n${heading}\n`)).split(/\n(?=#)/)[1] ?? ''
  return [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, cell = '']) => cell)
}

describe('the runbook', () => {
  it('has an entry for every reason, and none without one', () => {
    expect(Object.keys(RUNBOOK).sort()).toEqual(Object.keys(REASONS).sort())
    const headings = [...read('attestation-reasons.md').matchAll(/^### (.+)$/gm)]
    expect(headings.map(([, code]) => code).sort()).toEqual(Object.keys(REASONS).sort())
  })

  it.each(Object.entries(RUNBOOK))('says how to look and what to do: %s', (_code, entry) => {
    for (const text of [entry.look, entry.mend]) expect(text).toMatch(/^.{25,}[.?]$/)
  })

  it('names reasons, and pages with their anchors, that there are', () => {
    const codes = new Set<string>(Object.keys(REASONS))
    const text = guide + read('attestation-reasons.md')
    const named = [...text.matchAll(/`((?:tls|evidence|package|policy|internal)\.[a-z_]+)`/g)]
    // members of a policy have the same form
    const members = new Set(['tls.min_version', 'tls.anchors', 'tls.profile', 'tls.identity'])
    const unknown = named.map(([, code = '']) => code).filter((one) => !codes.has(one))
    expect(unknown.filter((one) => !members.has(one))).toEqual([])
  })
})

describe('the policy that comes with the configuration', () => {
  it('is right, and is named by the section that is commented out', async () => {
    const { policies, warnings } = await loadPolicies([join(root, 'config/appraisal/*.yaml')])
    expect([policies.map(({ id }) => id), warnings]).toEqual([['files-prod'], []])
    const gateway = readFileSync(join(root, 'config/gateway.yaml'), 'utf8')
    const section = gateway.slice(
      gateway.indexOf('# attestation:\n'),
      gateway.indexOf('# Parts of'),
    )
    expect(parse(section.replaceAll(/^# ?/gm, ''))).toEqual({
      attestation: {
        policies: ['./appraisal/*.yaml'],
        anchors: { 'prod-2026': { file: './anchors/prod-2026.pem', not_after: '2027-12-31' } },
      },
    })
  })
})

describe('the guide', () => {
  it('has each kind of evidence with its section, media type and level', () => {
    expect(firstCells('## Kinds of evidence')).toHaveLength(EVIDENCE_TYPES.length)
    for (const [type, { media, section, attests }] of Object.entries(EVIDENCE_KINDS))
      expect(guide).toContain(
        `| \`${type}\` | \`${section}\` | \`${media.replace('application/vnd.portcullis.', '')}\` | ${attests} |`,
      )
  })

  it('has each admission and each drift', () => {
    expect(firstCells('## Admission')).toEqual(['admitted', 'due', 'grace', 'quarantined'])
    expect(firstCells('### Drift')).toEqual([...DRIFTS])
  })

  it('shows a binder that is the one of the gateway', () => {
    const binder = binderOf({
      nonce: Buffer.from('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8', 'base64url'),
      spkiSha256: Buffer.alloc(32, 0xaa),
      serverId: 'spiffe://prod.example/mcp/files',
      targetUrl: 'https://files.mcp.prod.example/mcp',
      exporter: Buffer.alloc(32, 0xbb),
    })
    expect(guide).toContain(`\n${Buffer.from(binder).toString('hex')}\n`)
  })
})
