// How the other end of every TLS connection to one server has to prove who it is, as it is decided now; who decides is above.
import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { AppError } from '../../base/errors.ts'
import type { PeerTrust, TlsOptions } from '../client.ts'
import { contextOf } from './context.ts'
import { spkiSha256 } from './spki.ts'

export interface PeerOptions {
  readonly server: string
  /** Undefined: it is a process. */
  readonly url: string | undefined
  readonly trust: PeerTrust
  /** Another key was shown than the one that is pinned. */
  keyChanged(spkiSha256: string): void
}

const PIN = /^[0-9a-f]{64}$/

export class Peer {
  readonly #options: PeerOptions
  readonly #listeners = new Set<() => void>()
  #trust: PeerTrust
  #context: SecureContext | undefined

  /** Throws CONFIG_INVALID, as `replace` does. */
  constructor(options: PeerOptions) {
    this.#options = options
    this.#trust = options.trust
    this.#context = this.#contextFor(options.trust)
  }

  get trust(): PeerTrust {
    return this.#trust
  }

  /** Undefined: there is nothing that node:tls would not do by itself. */
  get context(): SecureContext | undefined {
    return this.#context
  }

  /** Takes effect for every connection from now on; those that are there are told. Throws CONFIG_INVALID and leaves what was. */
  replace(trust: PeerTrust): void {
    // as it is told after every attestation; reading the certificates again would only cost
    if (isSame(trust, this.#trust)) return
    const context = this.#contextFor(trust)
    this.#trust = trust
    this.#context = context
    for (const listener of [...this.#listeners]) listener()
  }

  /** Until the returned function is called. */
  onReplaced(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Of a connection that has just been made: why nothing may be sent on it. */
  verify(socket: Socket): AppError | undefined {
    const { pin } = this.#trust
    if (pin === undefined) return undefined
    const seen = keyOf(socket)
    if (seen === pin) return undefined
    if (seen !== undefined) this.#options.keyChanged(seen)
    const { server } = this.#options
    const shown = seen === undefined ? 'no TLS key' : `the TLS key ${seen}`
    const what = `server ${server} showed ${shown}, and ${pin} is the one it was admitted with`
    return new AppError('UPSTREAM_KEY_CHANGED', what, { data: { unreachable: true } })
  }

  /** Whether a connection from before is as good as one made now. */
  isStill(socket: Socket): boolean {
    const { pin } = this.#trust
    return pin !== undefined && keyOf(socket) === pin
  }

  #contextFor(trust: PeerTrust): SecureContext | undefined {
    const { pin, tls } = trust
    if (pin === undefined && tls === undefined) return undefined
    const { server, url = '' } = this.#options
    if (!/^(?:https|wss):/.test(url))
      throw invalid(`server ${server} is not reached over TLS: it has no key that could be pinned`)
    if (pin !== undefined && !PIN.test(pin))
      throw invalid(`the pin of server ${server} is no SHA-256 in lower-case hexadecimal digits`)
    try {
      return contextOf(tls ?? {})
    } catch (cause) {
      // what node:tls says may name what is in the key
      throw invalid(`the certificates or the key given for server ${server} cannot be read`, cause)
    }
  }
}

// a resumed session shows no certificate, so none is ever resumed where a key is pinned
function keyOf(socket: Socket): string | undefined {
  const { getPeerX509Certificate: certificate } = socket as Partial<TLSSocket>
  const leaf = certificate?.call(socket as TLSSocket)
  return leaf && spkiSha256(leaf.raw)
}

function invalid(message: string, cause?: unknown): AppError {
  return new AppError('CONFIG_INVALID', message, cause === undefined ? {} : { cause })
}

function isSame(one: PeerTrust, other: PeerTrust): boolean {
  return one.pin === other.pin && isSameTls(one.tls, other.tls)
}

function isSameTls(one: TlsOptions | undefined, other: TlsOptions | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  const { ca, ...rest } = one
  const { ca: otherCa, ...others } = other
  const members = ['cert', 'key', 'minVersion', 'identity'] as const
  return (
    members.every((member) => rest[member] === others[member]) &&
    ca?.length === otherCa?.length &&
    (ca === otherCa || (ca?.every((pem, index) => pem === otherCa?.[index]) ?? false))
  )
}
