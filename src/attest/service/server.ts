// A server as attestation sees it, and how it is reached: types only.
import type { PackageMeasurement } from '../policy/package.ts'

export interface AttestedServer {
  /** In the registry. */
  readonly name: string
  /** What challenge, binder and envelope call it: its SPIFFE ID where the configuration gives one, else its name. */
  readonly id: string
  readonly transport: 'tls' | 'plain' | 'stdio'
  /** Undefined: stdio. */
  readonly url: string | undefined
  /** Program and arguments of a stdio server, and where it runs. */
  readonly command: readonly string[] | undefined
  readonly cwd: string | undefined
  readonly tags: readonly string[]
  /** `servers[].attestation`. */
  readonly policy: string | undefined
}

/** What a fresh connection is opened with. */
export interface ConnectHow {
  /** PEM or DER of CAs is the caller's matter: names of `attestation.anchors`; undefined: the policy does not judge the chain. */
  readonly anchors: readonly string[] | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** Who it is, is a SPIFFE id that the appraisal judges: what the url calls it is no question. */
  readonly isSvid: boolean
  /** Also try whether a handshake without a client certificate is refused. */
  readonly probeAnonymous: boolean
  readonly signal: AbortSignal
}

/** One fresh TLS connection: no session is resumed, nothing is pooled. */
export interface AttestConnection {
  readonly protocol: string
  /** DER, leaf first, as presented. */
  readonly chain: readonly Uint8Array[]
  readonly ocsp: Uint8Array | undefined
  /** What node:tls itself says of the chain under the anchors. */
  readonly authorized: boolean
  readonly authorizationError: string | undefined
  /** Undefined: it was not tried, or could not be found out. */
  readonly refusesAnonymous: boolean | undefined
  /** 32 bytes of keying material (RFC 8446 section 7.5). */
  exporter(label: string, context: Uint8Array): Uint8Array
  /** One request over this very connection. Rejects when there is no answer in time or it is larger than `limit`. */
  post(
    path: string,
    body: Uint8Array,
    limit: number,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: Uint8Array }>
  close(): void
}

/** How servers are reached and measured; handed in, because this room opens no socket and reads no file. */
export interface Reaching {
  /** Rejects when no connection comes about. */
  connect(server: AttestedServer, how: ConnectHow): Promise<AttestConnection>
  measure(server: AttestedServer): Promise<PackageMeasurement>
}
