// The result of an appraisal for people: the verdict and why, what is genuine, what it rests on and until when.
import type { AppraisalResult } from '../attest/appraisal/result.ts'
import type { Claims } from '../attest/evidence/evidence.ts'
import { plain } from './plain.ts'
import { columns, type Style } from './style.ts'

export function resultText(
  result: AppraisalResult & {
    readonly next?: string
    /** Collateral that a gateway would fetch and that was not supplied. */
    readonly missing?: readonly Missing[]
  },
  style: Style,
): string {
  const { decision, reason, says, next, policyId, policySha256, at } = result
  const verdict = decision === 'deny' ? style.bad('refused') : style.good('accepted')
  const head = reason === undefined ? verdict : `${verdict}: ${style.strong(reason)}`
  return [
    `${head}\n`,
    says === undefined ? '' : `  ${plain(says)}\n  ${next ?? ''}\n`,
    columns(
      [
        ['policy', `${policyId} ${policySha256}`],
        ['at', new Date(at).toISOString()],
        ['freshness', freshnessOf(result)],
        ...(result.expires === undefined
          ? []
          : [['holds until', new Date(result.expires).toISOString()]]),
        ['status', result.status],
        ['trust', pairs(result.trust)],
        ['matched', result.matched.join(' ')],
        ...result.warnings.map((warning) => ['warning', plain(warning)]),
        ...result.ignored.map((type) => ['ignored', plain(type)]),
        ...wanting(result).map(({ id, urls: [url = ''] }) => [
          'not supplied',
          `${plain(id)} ${plain(url)}`,
        ]),
      ].filter(([, text]) => text !== ''),
      '  ',
    ),
    ...result.evidence.map((claims) => claimsText(claims, style)),
  ].join('')
}

interface Missing {
  readonly id: string
  readonly urls: readonly string[]
  readonly required: boolean
}

/** Where the result suffers from it: those that cannot be done without, if there are such. */
function wanting({
  reason,
  warnings,
  missing = [],
}: Pick<AppraisalResult, 'reason' | 'warnings'> & { readonly missing?: readonly Missing[] }) {
  if (reason !== 'evidence.collateral_missing' && warnings.length === 0) return []
  const required = missing.filter((one) => one.required)
  return required.length > 0 ? required : missing
}

function freshnessOf({ freshness, admits }: AppraisalResult): string {
  return admits ? freshness : `${freshness}; this admits no server`
}

function claimsText(claims: Claims, style: Style): string {
  const { type, version, anchor, synthetic, tcb, tcbStatus, advisories = [], product } = claims
  const rows = [
    ['content', `sha256:${claims.contentSha256}`],
    ['anchor', synthetic ? `${anchor} (synthetic)` : anchor],
    ['product', product ?? ''],
    ['tcb', [tcbStatus ?? '', pairs(tcb), ...advisories].join(' ').trim()],
    ['flags', pairs(claims.flags)],
    ...Object.entries(claims.measurements),
  ]
  return `${style.strong(`${type} ${plain(version)}`)}\n${columns(
    rows.filter(([, text]) => text !== '').map(([name = '', text = '']) => [name, plain(text)]),
    '  ',
  )}`
}

function pairs(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}
