// Lists of hosts that requests may go to, and what two of them together allow; it resolves no name.
import { isIP } from 'node:net'
import { AppError } from '../base/errors.ts'
import { reachability, sameAddress } from './address.ts'

/** `*`, `*.example.com` (not example.com itself), `example.com`, `example.com:8443`, `127.0.0.1`, `[::1]:8080`. */
export interface HostList {
  permits(host: string, port: number): boolean
  /** Named in full, not by a wildcard. */
  names(host: string, port: number): boolean
}

/** Throws CONFIG_INVALID. */
export function createHostList(texts: readonly string[]): HostList {
  const entries = texts.map(parseEntry)
  return {
    permits: (host, port) => entries.some((entry) => fits(entry, host, port)),
    names: (host, port) =>
      entries.some((entry) => entry.kind === 'host' && fits(entry, host, port)),
  }
}

/** What one caller may reach: what both the operator's list and the caller's own grant allow. */
export interface Reach {
  /** Why not, or null. */
  refusesHost(host: string, port: number): string | null
  /** Why `host` may not be reached at this address, or null. */
  refusesAddress(host: string, port: number, address: string): string | null
}

/**
 * A public address may be reached when both lists permit the host, by name or wildcard. A private or loopback address must
 * moreover be wanted: the operator's list names the address itself (`localhost` names loopback for the host localhost), and
 * the grant names the address or the host, neither by a wildcard. So a listed name that its owner lets resolve to an
 * address inside reaches nothing there. Metadata services and link-local addresses are never reached.
 */
export function createReach(gateway: HostList, grant: HostList): Reach {
  return {
    refusesHost(host, port) {
      if (!gateway.permits(host, port)) return 'it is not in network.allowed_hosts'
      return grant.permits(host, port) ? null : 'it is not in the grant'
    },
    refusesAddress(host, port, address) {
      const kind = reachability(address)
      if (kind === 'public') return null
      if (kind === 'never') return 'it is at an address that is never reached'
      const localhost = host === 'localhost' && kind === 'loopback'
      const wanted = gateway.names(address, port) || (localhost && gateway.names(host, port))
      const granted = grant.names(address, port) || grant.names(host, port)
      if (wanted && granted) return null
      return `it is at a ${kind} address that is not listed as such`
    },
  }
}

/** The host of a URL as the lists know it: no brackets, no trailing dot. */
export function hostOf(url: URL): string {
  return plainHost(url.hostname)
}

export function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}

type Entry =
  | { readonly kind: 'any' }
  | { readonly kind: 'below'; readonly suffix: string; readonly port: number | undefined }
  | { readonly kind: 'host'; readonly host: string; readonly port: number | undefined }

function parseEntry(text: string): Entry {
  if (text === '*') return { kind: 'any' }
  const below = text.startsWith('*.')
  // URL brings the host into its one spelling, but drops port 80, so the port is read from the text
  const url = URL.parse(`http://${below ? text.slice(2) : text}`)
  const port = /:([0-9]{1,5})$/.exec(text.replace(/^\[[^\]]*\]/, ''))?.[1]
  const clean =
    url && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password
  if (!clean || text.includes('/') || url.hostname.includes('*')) {
    throw new AppError(
      'CONFIG_INVALID',
      `${JSON.stringify(text)} is no host; write example.com, *.example.com or example.com:443`,
    )
  }
  const host = plainHost(url.hostname)
  const number = port === undefined ? undefined : Number(port)
  return below
    ? { kind: 'below', suffix: `.${host}`, port: number }
    : { kind: 'host', host, port: number }
}

function fits(entry: Entry, host: string, port: number): boolean {
  if (entry.kind === 'any') return true
  if (entry.port !== undefined && entry.port !== port) return false
  if (entry.kind === 'below')
    return isIP(host) === 0 && host.endsWith(entry.suffix) && host !== entry.suffix
  return entry.host === host || sameAddress(entry.host, host)
}

function plainHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()
}
