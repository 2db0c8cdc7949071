// Entity tags (RFC 9110 sections 8.8.3 and 13.1): made from a version and what is shown, and read from If-Match and If-None-Match.
import { createHash } from 'node:crypto'
import { AppError } from '../../base/errors.ts'
import { canonicalText } from '../../base/json.ts'

/** `*`, or tags as they were sent. */
export type Condition = '*' | readonly string[]

const TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/
const OURS = /^"(\d{1,15})(?:-[\w-]{16})?"$/
const MOST_TAGS = 20

/** Strong: another version or another status has another tag. */
export function entityTag(version: number, shown: unknown): string {
  const digest = createHash('sha256').update(canonicalText(shown)).digest('base64url')
  return `"${version}-${digest.slice(0, 16)}"`
}

/** The version that a tag of ours stands for; `If-Match` takes it also alone, as `"7"`. */
export function versionOf(tag: string): number | undefined {
  const found = OURS.exec(tag)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Throws API_PARAMETER. */
export function readCondition(name: string, text: string | undefined): Condition | undefined {
  if (text === undefined) return undefined
  if (text.trim() === '*') return '*'
  const tags = text.split(',').map((tag) => tag.trim())
  if (tags.length > MOST_TAGS || !tags.every((tag) => TAG.test(tag)))
    throw new AppError('API_PARAMETER', `${name} is neither * nor a list of quoted entity tags`)
  return tags
}

/** Whether `If-None-Match` holds what is there: compared weakly. */
export function isKnown(condition: Condition, tag: string): boolean {
  return condition === '*' || condition.some((known) => known.replace(/^W\//, '') === tag)
}
