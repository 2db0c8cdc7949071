// Whether a value of evidence is in a list of the policy, and whether it is the bytes that were asked for.
import { timingSafeEqual } from 'node:crypto'
import { Denial } from '../denial.ts'
import type { AllowList, Claims, Expected } from './evidence.ts'

/** Id of the reference value that allows it. Throws `evidence.measurement_unlisted`; an empty list allows nothing. */
export function assertListed(
  name: string,
  value: string | undefined,
  list: AllowList,
  now: number,
): string {
  const found = value !== undefined && Object.hasOwn(list, value) ? list[value] : undefined
  if (!found) throw new Denial('evidence.measurement_unlisted', name)
  if (found.notAfter !== undefined && now > found.notAfter)
    throw new Denial('evidence.measurement_unlisted', `${name}: ${found.id} has ended`)
  return found.id
}

/** Ids of all lists that are there; a list that is not there asks for nothing. */
export function assertAllListed(
  measurements: Claims['measurements'],
  lists: Readonly<Record<string, AllowList | undefined>>,
  now: number,
): readonly string[] {
  const matched = Object.entries(lists).flatMap(([name, list]) =>
    list === undefined ? [] : [assertListed(name, measurements[name], list, now)],
  )
  return [...new Set(matched)]
}

/** The whole field, in constant time. Throws `evidence.nonce_mismatch`. */
export function checkExpected(
  field: Uint8Array | undefined,
  expected: Expected | undefined,
): Claims['binding'] {
  if (!expected) return 'not checked'
  const { bytes } = expected
  if (!field || field.length !== bytes.length || !timingSafeEqual(field, bytes))
    throw new Denial('evidence.nonce_mismatch')
  return 'matched'
}
