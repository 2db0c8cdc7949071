// The envelope that a server answers a challenge with: JSON of documents wrapped as CMW; it verifies none of them.
import { isObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'
import { fromBase64url } from '../format/base64.ts'
import { readJson } from '../format/json.ts'
import type { EvidenceItem } from './evidence.ts'
import { typeOfMedia } from './media.ts'

export const BINDINGS = ['spki', 'exporter'] as const
/** What of a connection evidence is bound to. */
export type BoundTo = (typeof BINDINGS)[number]

export interface Envelope {
  readonly challengeId: string
  readonly serverId: string
  /** What the attester says it bound; what it did bind only the evidence shows. */
  readonly binding: readonly BoundTo[]
  readonly items: readonly EvidenceItem[]
  /** Media types of items that are of no known kind, printable and cut short. */
  readonly unknown: readonly string[]
}

export const ENVELOPE_LIMITS = { bytes: 256 * 1024, items: 8, depth: 8, text: 2048 } as const
const MEMBERS = new Set(['v', 'challenge_id', 'server_id', 'binding', 'evidence'])
const ITEM_MEMBERS = new Set(['cmw', 'endorsements'])
/** CMW indicator (draft-ietf-rats-msg-wrap): bit 2 says that the value is evidence. */
const IS_EVIDENCE = 4
const MEDIA = /^[a-z]{1,24}\/[a-z0-9.+-]{1,100}$/

/** Throws `evidence.malformed` or `evidence.too_large`. */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const whole = objectOf(readJson(bytes, 'envelope', ENVELOPE_LIMITS.bytes), 'envelope', MEMBERS)
  if (whole.v !== 1) throw new Denial('evidence.unsupported', 'envelope: v')
  if (!Array.isArray(whole.evidence)) throw malformed('envelope: evidence is no list')
  if (whole.evidence.length > ENVELOPE_LIMITS.items)
    throw new Denial('evidence.too_large', 'envelope: too many items')
  const items: EvidenceItem[] = []
  const unknown: string[] = []
  for (const given of whole.evidence as readonly unknown[]) {
    const { media, item } = readItem(given)
    if (item) items.push(item)
    else unknown.push(MEDIA.test(media) ? media : 'not a media type')
  }
  return {
    challengeId: textOf(whole.challenge_id, 'challenge_id'),
    serverId: textOf(whole.server_id, 'server_id'),
    binding: bindingOf(whole.binding),
    items,
    unknown,
  }
}

function objectOf(
  value: unknown,
  what: string,
  members: ReadonlySet<string>,
): Record<string, unknown> {
  if (!isObject(value)) throw malformed(`${what}: no object`)
  for (const name of Object.keys(value))
    if (!members.has(name)) throw malformed(`${what}: a member that is not known`)
  return value
}

function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(`envelope: ${what} is no text`)
  if (value.length > ENVELOPE_LIMITS.text) throw new Denial('evidence.too_large', what)
  return value
}

function bindingOf(value: unknown): readonly BoundTo[] {
  const known: readonly unknown[] = BINDINGS
  if (!Array.isArray(value) || value.some((one) => !known.includes(one)))
    throw malformed('envelope: binding')
  return BINDINGS.filter((one) => value.includes(one))
}

function readItem(given: unknown): { media: string; item?: EvidenceItem } {
  const { cmw, endorsements = {} } = objectOf(given, 'item', ITEM_MEMBERS)
  if (!Array.isArray(cmw) || cmw.length < 2 || cmw.length > 3) throw malformed('item: cmw')
  const [media, value, indicator = IS_EVIDENCE] = cmw as readonly unknown[]
  if (typeof media !== 'string' || typeof value !== 'string') throw malformed('item: cmw')
  if (indicator !== IS_EVIDENCE) throw malformed('item: the CMW is no evidence')
  if (!isObject(endorsements)) throw malformed('item: endorsements')
  if (!isShallow(endorsements, ENVELOPE_LIMITS.depth))
    throw new Denial('evidence.too_large', 'endorsements: too deep')
  const type = typeOfMedia(media)
  if (type === undefined) return { media }
  if (value === '') throw malformed('item: no base64url')
  return { media, item: { type, bytes: fromBase64url(value, 'item'), endorsements } }
}

function isShallow(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return left > 0 && Object.values(value).every((inner) => isShallow(inner, left - 1))
}
