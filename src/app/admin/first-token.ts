// The first key of the admin API: made when nobody has one with the role admin, and handed over once; nothing of it is logged.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isAppError, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { SYSTEM } from '../../engine/context.ts'
import type { Registry, WriteContext } from '../../registry/registry.ts'
import type { GatewayConfig } from '../sections.ts'

const FIRST_KEY = 'first-admin'

/** Takes the token to where a person can read it. When it throws or rejects, the key is taken back. */
export type TokenReceiver = (token: string, config: GatewayConfig) => void | Promise<void>

export interface FirstTokenParts {
  readonly registry: Registry
  readonly config: GatewayConfig
  readonly log: Logger
  readonly now: () => number
  createId(): string
  readonly receive: TokenReceiver
}

/** Never rejects: without a first key the gateway serves all the same. */
export async function ensureFirstToken(parts: FirstTokenParts): Promise<void> {
  const { log } = parts
  try {
    if (await hasAdminKey(parts)) return
    const token = await makeKey(parts)
    if (token !== undefined) await handOver(token, parts)
  } catch (error) {
    // another replica made it at the same time
    if (!isAppError(error, 'REGISTRY_EXISTS'))
      log.error({ reason: messageOf(error) }, 'the first admin token could not be made')
  }
}

interface KeyLike {
  readonly tenant?: unknown
  readonly scopes?: unknown
  readonly roles?: unknown
  readonly revoked?: unknown
  readonly expires?: unknown
}

async function hasAdminKey({ registry, config, now }: FirstTokenParts): Promise<boolean> {
  // one of a tenant, or for some rights only, leaves the gateway as a whole to nobody
  const isAdmin = ({ tenant, scopes, roles, revoked, expires }: KeyLike): boolean =>
    tenant === undefined &&
    scopes === undefined &&
    Array.isArray(roles) &&
    roles.includes('admin') &&
    revoked !== true &&
    !(typeof expires === 'string' && Date.parse(expires) <= now())
  if (config.identity.keys.some(isAdmin)) return true
  for (let after: string | undefined; ; ) {
    const page = await registry.list({ kind: 'key', after, limit: 200 }, SYSTEM)
    if (page.items.some(({ body }) => isAdmin(body))) return true
    if (page.next === undefined) return false
    after = page.next
  }
}

const contextOf = ({ createId }: FirstTokenParts): WriteContext => ({
  principal: SYSTEM,
  requestId: createId(),
  surface: 'cli',
})

async function makeKey(parts: FirstTokenParts): Promise<string | undefined> {
  const body = { principal: FIRST_KEY, roles: ['admin'] }
  const request = { op: 'create', kind: 'key', id: FIRST_KEY, body } as const
  const outcome = await parts.registry.write(request, contextOf(parts))
  if (outcome.outcome === 'written') return String(outcome.once?.key)
  parts.log.warn(
    { outcome: outcome.outcome },
    'policies keep the first admin token from being made',
  )
  return undefined
}

/** A key that nobody was given is taken back, so that the next start makes another one. */
async function handOver(token: string, parts: FirstTokenParts): Promise<void> {
  const { receive, registry, config } = parts
  try {
    await receive(token, config)
  } catch (error) {
    await registry.write({ op: 'remove', kind: 'key', id: FIRST_KEY }, contextOf(parts))
    throw error
  }
}

/** Beside the database, or where the database would be. */
export function tokenFile({ store }: Pick<GatewayConfig, 'store'>): string {
  const path = /^sqlite:(?!:memory:)(.+)$/.exec(store.url)?.[1] ?? './data/portcullis.db'
  return join(dirname(path), 'admin-token')
}

/** For its owner's eyes only. The path. */
export async function writeTokenFile(token: string, config: GatewayConfig): Promise<string> {
  const file = tokenFile(config)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  // made anew, so that neither the rights nor the target of what was there count
  await rm(file, { force: true })
  await writeFile(file, `${token}\n`, { mode: 0o600, flag: 'wx' })
  return file
}
