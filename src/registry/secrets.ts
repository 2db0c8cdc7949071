// Secret members of entities: masked for readers and plugins, kept when a mask comes back, sealed for the store; it knows no cipher.
import { canonicalText, isObject, type Json, type JsonObject } from '../base/json.ts'
import { isSecretMember, REDACTED } from '../base/log.ts'
import type { Sealer, SealPlace } from '../store/seal.ts'
import type { KindSpec, SecretRule } from './kinds.ts'

export type { Sealer } from '../store/seal.ts'

export interface BodyProblem {
  readonly path: string
  readonly message: string
}

type Change = (value: Json, path: readonly string[]) => Json | undefined

/** The body as anybody but its server sees it. */
export function maskBody(spec: KindSpec, body: JsonObject): JsonObject {
  let masked = withoutHidden(spec, body)
  for (const rule of spec.secrets)
    masked = changeAt(masked, rule.path, (value) =>
      rule.shown === 'none' ? REDACTED : maskNamed(value),
    )
  return masked
}

function withoutHidden({ hidden }: KindSpec, body: JsonObject): JsonObject {
  if (hidden.length === 0) return body
  return Object.fromEntries(Object.entries(body).filter(([name]) => !hidden.includes(name)))
}

function maskNamed(value: Json): Json {
  if (Array.isArray(value)) return value.map(maskNamed)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value as Record<string, Json>).map(([name, inner]) => [
      name,
      isSecretMember(name) ? REDACTED : maskNamed(inner),
    ]),
  )
}

/**
 * Puts what was masked back where the mask stands. A mask without a value behind it is a problem; so is one beside a member that
 * says where the secrets go and has changed: whoever cannot read a secret must not be able to have it sent to himself.
 */
export function unmaskBody(
  spec: KindSpec,
  body: JsonObject,
  previous: JsonObject | undefined,
): { readonly body: JsonObject; readonly problems: readonly BodyProblem[] } {
  const problems: BodyProblem[] = []
  const moved = previous && spec.boundTo.find((member) => differs(member, body, previous))
  const restore = (value: Json, before: Json | undefined, path: readonly string[]): Json => {
    if (value === REDACTED) return kept(before, path)
    if (Array.isArray(value)) return restoreItems(value, before, path)
    if (!isObject(value)) return value
    const inside = isObject(before) ? (before as JsonObject) : {}
    return Object.fromEntries(
      Object.entries(value as Record<string, Json>).map(([name, inner]) => [
        name,
        restore(inner, own(inside, name), [...path, name]),
      ]),
    )
  }
  const kept = (before: Json | undefined, path: readonly string[]): Json => {
    if (before !== undefined && before !== REDACTED && moved === undefined) return before
    const why = moved === undefined ? 'there is no value behind the mask' : `${moved} has changed`
    problems.push({ path: path.join('.'), message: `give the value itself: ${why}` })
    return REDACTED
  }
  // a list has no names to find a value by: an item with masks is kept whole or not at all
  const restoreItems = (
    items: readonly Json[],
    before: Json | undefined,
    path: readonly string[],
  ): Json =>
    items.map((item, index) => {
      const old = Array.isArray(before) ? (before[index] as Json | undefined) : undefined
      const same = old !== undefined && canonicalText(maskNamed(old)) === canonicalText(item)
      return restore(item, same ? old : undefined, [...path, String(index)])
    })
  let restored = body
  for (const { path } of spec.secrets)
    restored = changeAt(restored, path, (value, at) =>
      restore(value, previous && valueAt(previous, at), at),
    )
  return { body: restored, problems }
}

function differs(member: string, body: JsonObject, previous: JsonObject): boolean {
  const [now, before] = [own(body, member), own(previous, member)]
  if (member === 'url') return originOf(now) !== originOf(before)
  // of settings with secrets among them what can be seen is compared
  return canonicalText(maskNamed(now ?? null)) !== canonicalText(maskNamed(before ?? null))
}

// another path of the same host may be given what that host was given already
function originOf(url: Json | undefined): string | undefined {
  return typeof url === 'string' ? /^[a-z]+:\/\/[^/?#]*/i.exec(url)?.[0]?.toLowerCase() : undefined
}

export function sealBody(
  spec: KindSpec,
  place: Omit<SealPlace, 'member'>,
  body: JsonObject,
  sealer: Sealer,
): JsonObject {
  return eachSecret(spec, body, (value, member) =>
    sealer.seal(JSON.stringify(value), { ...place, member }),
  )
}

/** Throws STORE_SEALED. */
export function openBody(
  spec: KindSpec,
  place: Omit<SealPlace, 'member'>,
  body: JsonObject,
  sealer: Sealer,
): JsonObject {
  return eachSecret(spec, body, (value, member) => {
    if (typeof value !== 'string') return value
    return JSON.parse(sealer.open(value, { ...place, member })) as Json
  })
}

/** Undefined: all of it is sealed with the first key. Throws STORE_SEALED. */
export function resealBody(
  spec: KindSpec,
  place: Omit<SealPlace, 'member'>,
  body: JsonObject,
  sealer: Sealer,
): JsonObject | undefined {
  let changed = false
  const whole = eachSecret(spec, body, (value, member) => {
    const anew = typeof value === 'string' ? sealer.reseal(value, { ...place, member }) : undefined
    changed ||= anew !== undefined
    return anew ?? value
  })
  return changed ? whole : undefined
}

function eachSecret(
  { secrets }: KindSpec,
  body: JsonObject,
  change: (value: Json, member: string) => Json,
): JsonObject {
  return secrets.reduce(
    (all: JsonObject, { path }: SecretRule) =>
      changeAt(all, path, (value, at) => change(value, at.join('/'))),
    body,
  )
}

/** A copy in which what stands at the path is changed; nothing is made where nothing stands. */
function changeAt(
  body: JsonObject,
  path: readonly string[],
  change: Change,
  at: readonly string[] = [],
): JsonObject {
  const [step, ...rest] = path
  if (step === undefined) return body
  const names = step === '*' ? Object.keys(body) : [step]
  const changed: [string, Json | undefined][] = []
  for (const name of names) {
    const value = own(body, name)
    if (value === undefined) continue
    const here = [...at, name]
    if (rest.length === 0) changed.push([name, change(value, here)])
    else if (isObject(value))
      changed.push([name, changeAt(value as JsonObject, rest, change, here)])
  }
  return { ...body, ...Object.fromEntries(changed) }
}

function valueAt(body: JsonObject, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (value, step) => (isObject(value) ? own(value as JsonObject, step) : undefined),
    body,
  )
}

function own(body: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(body, name) ? body[name] : undefined
}
