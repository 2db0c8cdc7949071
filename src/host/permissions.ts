// What a plugin may do: the intersection of what its manifest asks for and what its entry grants. Sets only; it enforces nothing.
import { AppError } from '../base/errors.ts'
import type { Permissions } from '../plugin.ts'

/** Always complete: what is not named is not allowed. */
export interface Allowed {
  /** Host patterns as in `network.allowed_hosts`. */
  readonly network: readonly string[]
  readonly env: readonly string[]
  readonly attestation: boolean
}

export function intersect(asked: Permissions, granted: Permissions): Allowed {
  return {
    network: intersectHosts(asked.network ?? [], granted.network ?? []),
    env: (asked.env ?? []).filter((name) => granted.env?.includes(name)),
    attestation: asked.attestation === true && granted.attestation === true,
  }
}

/** Whether an entry may grant permissions: its plugin asks for it and the configuration grants it. */
export function mayAuthorize(asked: Permissions, granted: Permissions): boolean {
  return asked.authorize === true && granted.authorize === true
}

/**
 * Files, processes and the admin API are beyond what an in-process plugin can be kept from: one that asks for them is loaded
 * only when all it asks for is granted, and the grant is then trust, not confinement. Throws PLUGIN_PERMISSION.
 */
export function assertTrusted(plugin: string, asked: Permissions, granted: Permissions): void {
  const missing = LISTS.filter((name) =>
    asked[name]?.some((item) => !granted[name]?.includes(item)),
  )
  const names = asked.shell && !granted.shell ? [...missing, 'shell'] : missing
  if (names.length > 0)
    throw new AppError(
      'PLUGIN_PERMISSION',
      `the plugin "${plugin}" asks for ${names.join(', ')}, which its entry does not grant; it cannot be kept from it while it runs in-process, so it is not loaded`,
    )
}

const LISTS = ['filesystem_read', 'filesystem_write', 'api'] as const

/** Patterns that match exactly the hosts both lists match: `*`, `*.example.com`, `example.com`, each with an optional port. */
export function intersectHosts(asked: readonly string[], granted: readonly string[]): string[] {
  const both = asked.flatMap((one) => granted.flatMap((other) => narrower(one, other) ?? []))
  return [...new Set(both)]
}

function narrower(one: string, other: string): string | undefined {
  const a = split(one)
  const b = split(other)
  if (a.port !== '' && b.port !== '' && a.port !== b.port) return undefined
  const host = covers(a.host, b.host) ? b.host : covers(b.host, a.host) ? a.host : undefined
  if (host === undefined) return undefined
  const port = a.port || b.port
  return port === '' ? host : `${host}:${port}`
}

function covers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true
  return (
    pattern.startsWith('*.') && host.length > pattern.length - 1 && host.endsWith(pattern.slice(1))
  )
}

function split(pattern: string): { host: string; port: string } {
  const found = /^(.*?)(?::([0-9]{1,5}))?$/.exec(pattern.toLowerCase())
  // an IPv6 literal keeps its colons inside brackets
  return { host: found?.[1] ?? pattern, port: found?.[2] ?? '' }
}
