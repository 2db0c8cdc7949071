// Opens connections to checked addresses only: the literal, every resolved address, and the peer that answered.
import { isIP } from 'node:net'
import type { buildConnector } from 'undici'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { sameAddress } from './address.ts'
import type { Reach } from './hosts.ts'
import { undici } from './undici.ts'

/** Every address of a name, in the order to try them. */
export type Resolve = (host: string) => Promise<readonly string[]>

export interface ConnectOptions {
  readonly resolve: Resolve
  readonly clock: Clock
  /** Milliseconds for resolving, and again for each address. */
  readonly timeout: number
  /** Certificate authorities instead of the system's. */
  readonly ca?: string | undefined
}

// a name with more addresses than this has mirrors enough
const MAX_ATTEMPTS = 3

/**
 * undici's own `connect.lookup` is never called for a literal and leaves a gap between check and use; here the socket is
 * given the very address that was checked, and the peer is checked once more.
 */
export function createConnector(reach: Reach, options: ConnectOptions): buildConnector.connector {
  const open = undici().buildConnector({
    timeout: options.timeout,
    allowH2: false,
    maxCachedSessions: 0,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })
  return (target, callback) => {
    connect(target, reach, options, open).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    )
  }
}

type Socket = Parameters<buildConnector.Callback>[1] & {}

async function connect(
  target: buildConnector.Options,
  reach: Reach,
  options: ConnectOptions,
  open: buildConnector.connector,
): Promise<Socket> {
  const host = target.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const secure = target.protocol === 'https:'
  const port = Number(target.port || (secure ? 443 : 80))
  const addresses = isIP(host) ? [host] : await resolveWithin(host, options)
  if (addresses.length === 0) throw new AppError('EGRESS_FAILED', `${host} has no address`)
  // one address inside is enough to distrust the name
  for (const address of addresses) {
    const refused = reach.refusesAddress(host, port, address)
    if (refused)
      throw new AppError('EGRESS_REFUSED', `${host} is not reached: ${refused}`, { data: { host } })
  }
  const servername = secure && isIP(host) === 0 ? { servername: host } : {}
  let failure: unknown
  for (const address of addresses.slice(0, MAX_ATTEMPTS)) {
    try {
      const socket = await attempt(open, {
        ...target,
        hostname: address,
        host: address,
        ...servername,
      })
      return checkPeer(socket, host, address)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function resolveWithin(host: string, options: ConnectOptions): Promise<readonly string[]> {
  return new Promise((done, reject) => {
    const late = new AppError('EGRESS_FAILED', `${host} did not resolve in time`)
    const disarm = options.clock.after(options.timeout, () => reject(late))
    options.resolve(host).then(done, reject).finally(disarm)
  })
}

function attempt(open: buildConnector.connector, target: buildConnector.Options): Promise<Socket> {
  return new Promise((resolve, reject) => {
    open(target, (error, socket) => (error ? reject(error) : resolve(socket as Socket)))
  })
}

function checkPeer(socket: Socket, host: string, address: string): Socket {
  const peer = socket.remoteAddress
  if (peer !== undefined && sameAddress(peer, address)) return socket
  socket.destroy()
  throw new AppError(
    'EGRESS_REFUSED',
    `${host} is not reached: the peer is another than was connected to`,
    { data: { host } },
  )
}
