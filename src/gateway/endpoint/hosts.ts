// Host and Origin checks: a page in a browser must not reach a gateway on loopback by a name it made point there (DNS rebinding).
import type { IncomingMessage } from 'node:http'
import { AppError } from '../../base/errors.ts'

export interface HostRules {
  /** The address listened on. */
  readonly host: string
  readonly allowed_hosts: readonly string[]
  readonly allowed_origins: readonly string[]
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Compiled once. Throws WIRE_HOST_REFUSED or WIRE_ORIGIN_REFUSED. */
export function createHostCheck(rules: HostRules): (request: IncomingMessage) => void {
  const hosts = new Set(rules.allowed_hosts.map((host) => host.toLowerCase()))
  const origins = new Set(
    rules.allowed_origins.map((origin) => origin.toLowerCase().replace(/\/$/, '')),
  )
  const own = rules.host.includes(':') ? `[${rules.host}]` : rules.host
  const wildcard = own === '0.0.0.0' || own === '[::]'
  if (!wildcard) hosts.add(own.toLowerCase())
  const loopbackOnly = LOOPBACK.has(own)

  const allowsHost = (host: string): boolean => {
    const name = host.replace(/:\d+$/, '')
    return hosts.has(host) || hosts.has(name) || ((loopbackOnly || wildcard) && LOOPBACK.has(name))
  }

  // one client after the other sends the same
  let allowed: string | undefined
  const isAllowed = (host: string): boolean => {
    if (host === allowed) return true
    if (!/^[a-z0-9.:_[\]-]+$/.test(host) || !allowsHost(host)) return false
    allowed = host
    return true
  }

  return (request) => {
    const host = onlyHost(request.rawHeaders)?.toLowerCase()
    if (host === undefined || !isAllowed(host)) {
      throw new AppError(
        'WIRE_HOST_REFUSED',
        'the Host header is not allowed; add it to listen.allowed_hosts',
      )
    }
    const { origin } = request.headers
    if (origin === undefined || origins.has('*') || origins.has(origin.toLowerCase())) return
    // same origin: a page the gateway itself could have served
    if (
      URL.canParse(origin) &&
      allowsHost(new URL(origin).host.toLowerCase()) &&
      new URL(origin).host.toLowerCase() === host
    )
      return
    throw new AppError(
      'WIRE_ORIGIN_REFUSED',
      'the Origin header is not allowed; add it to listen.allowed_origins',
    )
  }
}

/** The Host header if there is exactly one; `headers` shows the first of several and `headersDistinct` builds all the others, too. */
function onlyHost(raw: readonly string[]): string | undefined {
  let found: string | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (found !== undefined) return undefined
    found = raw[i + 1]
  }
  return found
}
