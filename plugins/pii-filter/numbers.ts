// Card numbers, IBANs and social security numbers: found by their form, believed by their check digits.
import { type Find, findAll, matchesOf, type Span } from './span.ts'

/** ISO/IEC 7812-1, annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Issuers' prefixes and the lengths they use; without them every tenth long number would be a card. */
const CARD =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-59]|[689]\d)\d{11,16}|35\d{14}|(?:2131|1800)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|(?:5[06-9]|6\d)\d{10,17}|1(?:22)\d{12})$/
const DIGITS = /\d+/g
const DIGIT_RUN = /\d+(?:[ -]\d+)*/g
/** A card is written in one to five groups. */
const MAX_GROUPS = 5

export const findCards: Find = (text) => {
  const spans: Span[] = []
  for (const run of matchesOf(DIGIT_RUN, text)) {
    if (run.found.length < 12) continue
    const groups = matchesOf(DIGITS, run.found).map((group) => ({
      digits: group.found,
      at: run.start + group.start,
      gap: run.found[group.start - 1] ?? '',
    }))
    for (let first = 0; first < groups.length; first++) {
      const span = cardFrom(groups, first)
      if (span === null) continue
      spans.push(span)
      while ((groups[first + 1]?.at ?? Number.POSITIVE_INFINITY) < span.end) first++
    }
  }
  return spans
}

interface Group {
  readonly digits: string
  readonly at: number
  /** What separates it from the group before it. */
  readonly gap: string
}

// groups of one or two digits belong to dates and lists; only the last one of a card may be that short
function cardFrom(groups: readonly Group[], first: number): Span | null {
  let digits = ''
  let found: Span | null = null
  for (let count = 0; count < MAX_GROUPS; count++) {
    const group = groups[first + count]
    // one card is written with one separator
    if (group === undefined || (count > 1 && group.gap !== groups[first + 1]?.gap)) break
    digits += group.digits
    if (digits.length > 19) break
    const start = groups[first]?.at ?? 0
    if (digits.length >= 12 && CARD.test(digits) && passesLuhn(digits))
      found = { kind: 'credit_card', start, end: group.at + group.digits.length }
    if (group.digits.length < 3) break
  }
  return found
}

/** ISO 13616-1: lengths by country, as registered with SWIFT. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24,
  DE: 22, DJ: 27, DK: 18, DO: 28, EE: 20, EG: 29, ES: 24, FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27,
  GT: 28, HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21, LT: 20, LU: 20,
  LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MN: 20, MR: 27, MT: 31, MU: 30, NI: 28, NL: 18, NO: 15, OM: 23, PK: 24, PL: 28,
  PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, RU: 33, SA: 24, SC: 31, SD: 18, SE: 24, SI: 19, SK: 24, SM: 27, SO: 23, ST: 25, SV: 28,
  TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30,
} // biome-ignore format: a table reads better in rows
const IBAN_START = /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}/g

export const findIbans: Find = (text) => {
  const spans: Span[] = []
  for (const { start: index } of matchesOf(IBAN_START, text)) {
    const length = IBAN_LENGTHS[text.slice(index, index + 2).toUpperCase()]
    const end = length === undefined ? -1 : endOfAlphanumerics(text, index, length)
    if (end >= 0 && mod97(text.slice(index, end).replace(/[ -]/g, '')) === 1)
      spans.push({ kind: 'iban', start: index, end })
  }
  return spans
}

// where `count` letters and digits end, single spaces or dashes between them; -1 when they do not, or go on
function endOfAlphanumerics(text: string, start: number, count: number): number {
  let at = start
  for (let seen = 0; seen < count; at++) {
    if (/[A-Za-z0-9]/.test(text[at] ?? '')) seen++
    else if (!/[ -]/.test(text[at] ?? '') || /[ -]/.test(text[at - 1] ?? '')) return -1
  }
  return /[A-Za-z0-9]/.test(text[at] ?? '') ? -1 : at
}

/** ISO 7064, MOD 97-10, over the rearranged IBAN. */
export function mod97(iban: string): number {
  const moved = (iban.slice(4) + iban.slice(0, 4)).toUpperCase()
  let rest = 0
  for (const character of moved) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}

// numbers that were never issued stay: 000, 666, group 00, serial 0000; 9xx only as an ITIN (IRS: groups 50-65, 70-88, 90-92, 94-99)
const SSN =
  /(?<![\d-])(?:(?!000|666|9)\d{3}|9\d\d(?=[ -]?(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])))(?:([ -])(?!00)\d{2}\1|-(?!00)\d{2}|(?!00)\d{2}-)(?!0000)\d{4}(?![\d-])/g

export const findSsns: Find = (text) => findAll('ssn', SSN, text)
