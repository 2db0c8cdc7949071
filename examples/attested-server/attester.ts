// Answers a gateway's challenge at /.well-known/mcp-attestation: evidence over the nonce, our key, who we are, and this very connection.
import { createHash, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'

export const ATTESTATION_PATH = '/.well-known/mcp-attestation'
const EXPORTER = 'EXPORTER-portcullis-attestation'
const LARGEST_REQUEST = 64 * 1024

/** Something that vouches for this machine: a TPM, a TEE, a cloud. */
export interface EvidenceSource {
  /** Media type, by which the gateway says what it accepts. */
  readonly type: string
  /** `binder`: the 64 bytes that the evidence must carry; where there is less room, the first of them. */
  collect(binder: Uint8Array): Promise<Collected>
  /** For a TPM whose attestation key nobody certified: gives back what was encrypted for it. */
  activate?(credential: Uint8Array, secret: Uint8Array): Promise<Uint8Array>
}

export interface Collected {
  /** CMW: media type, base64url, and 4 for evidence. */
  readonly cmw: readonly [type: string, value: string, indicator: 4]
  /** What helps to verify it: certificates, logs. Nothing in it is trusted because it was sent. */
  readonly endorsements: Readonly<Record<string, unknown>>
}

export interface AttesterOptions {
  /** As the gateway knows this server, and as clients of it reach it: nothing is attested for another one. */
  readonly serverId: string
  readonly targetUrl: string
  /** The certificate that this process presents, PEM. */
  readonly certificate: string
  readonly sources: readonly EvidenceSource[]
}

export interface Binding {
  readonly nonce: Uint8Array
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly spkiSha256: Uint8Array
  readonly serverId: string
  readonly targetUrl: string
  readonly exporter?: Uint8Array | undefined
}

/** What evidence is made over: whoever changes one part of it needs other evidence. */
export function binderOf({ nonce, spkiSha256, serverId, targetUrl, exporter }: Binding): Buffer {
  const hash = createHash('sha512').update('portcullis-att-v1\0').update(nonce).update(spkiSha256)
  for (const text of [serverId, targetUrl]) {
    const bytes = Buffer.from(text)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return (exporter ? hash.update(exporter) : hash).digest()
}

export function spkiSha256Of(certificate: string | Buffer): Buffer {
  const { publicKey } = new X509Certificate(certificate)
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return createHash('sha256').update(spki).digest()
}

/** Keying material that only the two ends of this connection have: whoever relays the challenge has another connection. */
export function exporterOf(socket: TLSSocket, challengeId: string): Buffer {
  return socket.exportKeyingMaterial(32, EXPORTER, Buffer.from(challengeId, 'latin1'))
}

/** A refusal of the request, with the status it gets. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Handles requests to ATTESTATION_PATH. It must be served by the process that ends TLS. */
export function createAttester(options: AttesterOptions) {
  const spkiSha256 = spkiSha256Of(options.certificate)
  // which challenge was answered on a connection: its key is activated there and nowhere else
  const answered = new WeakMap<TLSSocket, string>()

  async function answer(request: IncomingMessage): Promise<object> {
    const { socket } = request
    if (request.method !== 'POST') throw new Refusal(405, 'POST only')
    if (!(socket instanceof TLSSocket)) throw new Refusal(400, 'TLS only')
    const body = await bodyOf(request)
    const challengeId = textOf(body.challenge_id)
    if (body.v !== 1) throw new Refusal(400, 'v: 1')
    if (body.activate !== undefined) return activate(socket, challengeId, body.activate)
    const { serverId, targetUrl } = options
    if (body.server_id !== serverId || body.target_url !== targetUrl)
      throw new Refusal(403, 'another server is meant')
    const nonce = Buffer.from(textOf(body.nonce), 'base64url')
    if (nonce.length !== 32) throw new Refusal(400, 'nonce: 32 bytes')
    const covers: readonly unknown[] = Array.isArray(body.binding) ? body.binding : ['exporter']
    const binding = covers.includes('exporter') ? ['spki', 'exporter'] : ['spki']
    const exporter = binding[1] ? exporterOf(socket, challengeId) : undefined
    const binder = binderOf({ nonce, spkiSha256, serverId, targetUrl, exporter })
    const evidence = await collect(body.accept, binder)
    answered.set(socket, challengeId)
    return { v: 1, challenge_id: challengeId, server_id: serverId, binding, evidence }
  }

  function collect(accept: unknown, binder: Uint8Array): Promise<readonly Collected[]> {
    const accepted: readonly unknown[] = Array.isArray(accept) ? accept : []
    const fits = options.sources.filter(({ type }) => accepted.includes(type))
    return Promise.all(fits.map((source) => source.collect(binder)))
  }

  async function activate(socket: TLSSocket, challengeId: string, given: unknown): Promise<object> {
    const source = options.sources.find((one) => one.activate)
    if (!source?.activate || answered.get(socket) !== challengeId)
      throw new Refusal(403, 'nothing to activate')
    const { credential, secret } = Object(given) as Record<string, unknown>
    const [object, seed] = [credential, secret].map((one) => Buffer.from(textOf(one), 'base64url'))
    const activation = await source.activate(object as Buffer, seed as Buffer).catch(() => {
      // it was encrypted for another TPM, or for another key in it
      throw new Refusal(422, 'not to be activated here')
    })
    return {
      v: 1,
      challenge_id: challengeId,
      activation: Buffer.from(activation).toString('base64url'),
    }
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [status, body] = await answer(request).then(
      (answered) => [200, answered] as const,
      (error: unknown) =>
        error instanceof Refusal
          ? ([error.status, { error: error.message }] as const)
          : // what went wrong inside is nobody's business outside
            ([503, { error: 'no evidence can be made now' }] as const),
    )
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(JSON.stringify(body))
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > LARGEST_REQUEST) throw new Refusal(413, 'too large')
    chunks.push(chunk as Buffer)
  }
  try {
    return Object(JSON.parse(Buffer.concat(chunks).toString())) as Record<string, unknown>
  } catch {
    throw new Refusal(400, 'JSON only')
  }
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 4096)
    throw new Refusal(400, 'a member is missing or no text')
  return value
}
