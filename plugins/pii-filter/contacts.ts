// E-mail addresses, telephone numbers and IP addresses, found in time linear in the text.
import { isIP } from 'node:net'
import { type Find, findAll, matchesOf, type Span } from './span.ts'

// every part is bounded, so that a text of 64 kB without an end costs 64 steps a character and no more
const EMAIL =
  /[\p{L}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|\p{L}{2,63})/giu

export const findEmails: Find = (text) => (text.includes('@') ? findAll('email', EMAIL, text) : [])

const INTERNATIONAL = /(?<![\p{L}\p{N}+])\+\d{1,3}(?:[ .()/-]{0,2}\d){6,14}(?!\d)/gu
const NORTH_AMERICAN =
  /(?<![\p{L}\p{N}.+-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\p{L}\p{N}]|-\d)/gu
const NATIONAL = /(?<![\p{L}\p{N}.+-])\(?0\d{1,5}\)?(?:[ .-]\d{2,4}){2,4}(?![\p{L}\p{N}]|-\d)/gu

export const findPhones: Find = (text) => (DIGIT.test(text) ? searchPhones(text) : [])

const DIGIT = /\d/

const searchPhones: Find = (text) => [
  ...findAll('phone', INTERNATIONAL, text),
  ...findAll('phone', NORTH_AMERICAN, text),
  ...findAll('phone', NATIONAL, text, (found) => {
    const digits = found.replace(/\D/g, '').length
    return digits >= 9 && digits <= 12
  }),
]

const ADDRESS = /[0-9A-Fa-f:.]{3,}/g
const MAX_ADDRESS = 45
const SEPARATED = /\d\.\d|:[^:]*:/
const BEFORE = /[\p{L}\p{N}_]/u
const AFTER = /[\p{L}_]/u

export const findAddresses: Find = (text) => {
  const spans: Span[] = []
  if (!text.includes('.') && !text.includes(':')) return spans
  for (const { found, start: index } of matchesOf(ADDRESS, text)) {
    if (!SEPARATED.test(found)) continue
    if (BEFORE.test(text[index - 1] ?? '') || AFTER.test(text[index + found.length] ?? '')) continue
    const trimmed =
      found.length > MAX_ADDRESS + 4
        ? ''
        : found.replace(/(?:\.|(?<!:):)$/, '').replace(/^:(?!:)/, '')
    const start = index + found.indexOf(trimmed)
    if (isIP(trimmed) !== 0 && !isNobody(trimmed))
      spans.push({ kind: 'ip', start, end: start + trimmed.length })
  }
  return spans
}

// loopback and "any" say nothing about a person
function isNobody(address: string): boolean {
  return (
    address === '::' || address === '::1' || address === '0.0.0.0' || address.startsWith('127.')
  )
}
