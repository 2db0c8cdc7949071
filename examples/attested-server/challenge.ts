// The gateway's side in few lines, to show what it sees: it asks over a connection of its own and compares. The gateway itself checks far more.
import { createPublicKey, randomBytes, randomUUID, verify } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { ATTESTATION_PATH, binderOf, exporterOf, spkiSha256Of } from './attester.ts'

export interface Asked {
  readonly port: number
  readonly serverId: string
  readonly targetUrl: string
  /** PEM: whom we trust as the other end. */
  readonly trusted: string
}

export interface Answer {
  readonly status: number
  /** The bytes that the evidence must carry, by what we see of the connection. */
  readonly binder: Buffer
  /** The nonce that the TPM signed, and whether this key signed it. */
  readonly extraData: Buffer
  isSignedBy(akSpki: Buffer): boolean
  readonly pcrs: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export async function challenge(asked: Asked): Promise<Answer> {
  const { port, serverId, targetUrl, trusted } = asked
  // a connection of its own, never a resumed one: a resumed session shows no certificate
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: trusted })
  await once(socket, 'secureConnect')
  try {
    const [id, nonce] = [randomUUID(), randomBytes(32)]
    const names = { challenge_id: id, server_id: serverId, target_url: targetUrl }
    const accept = ['application/vnd.portcullis.tpm-quote+json']
    const body = { v: 1, ...names, nonce: nonce.toString('base64url'), accept }
    const spkiSha256 = spkiSha256Of(socket.getPeerCertificate().raw)
    const exporter = exporterOf(socket, id)
    const binder = binderOf({ nonce, spkiSha256, serverId, targetUrl, exporter })
    const { status, envelope } = await post(socket, body)
    return { status, binder, ...quoteIn(envelope) }
  } finally {
    socket.destroy()
  }
}

type Envelope = {
  readonly evidence?: readonly { readonly cmw: readonly [string, string, number] }[]
}

async function post(
  socket: TLSSocket,
  body: object,
): Promise<{ status: number; envelope: Envelope }> {
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = () => socket
  const sent = request({ agent, host: 'localhost', path: ATTESTATION_PATH, method: 'POST' })
  sent.end(JSON.stringify(body))
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, envelope: JSON.parse(text) }
}

function quoteIn({ evidence: [first] = [] }: Envelope): Omit<Answer, 'status' | 'binder'> {
  if (!first) return { extraData: Buffer.alloc(0), isSignedBy: () => false, pcrs: {} }
  const form = JSON.parse(Buffer.from(first.cmw[1], 'base64url').toString())
  const [quote, signature] = [form.quote, form.signature].map((text) =>
    Buffer.from(text, 'base64url'),
  )
  if (!quote || !signature) throw new Error('no quote')
  // TPMS_ATTEST: magic, type, the signer's name behind its size, the nonce behind its size
  const at = 8 + quote.readUInt16BE(6)
  const extraData = quote.subarray(at + 2, at + 2 + quote.readUInt16BE(at))
  // TPMT_SIGNATURE of ECDSA: scheme, hash, r and s behind their sizes
  const r = signature.subarray(6, 6 + signature.readUInt16BE(4))
  const raw = Buffer.concat([r, signature.subarray(6 + r.length + 2)])
  const isSignedBy = (akSpki: Buffer) => {
    const key = createPublicKey({ key: akSpki, format: 'der', type: 'spki' })
    return verify('sha256', quote, { key, dsaEncoding: 'ieee-p1363' }, raw)
  }
  return { extraData, isSignedBy, pcrs: form.pcrs }
}
