// The server of examples/attested-server, challenged as the gateway does it: its binder is ours, its quote verifies, its key can be activated.
import { createPublicKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  exporterOf,
  spkiSha256Of,
  binderOf as theirs,
} from '../../../examples/attested-server/attester.ts'
import { makeCertificate } from '../../../examples/attested-server/certificate.ts'
import { type AttestedServer, startServer } from '../../../examples/attested-server/server.ts'
import { tpmSource } from '../../../examples/attested-server/tpm-source.ts'
import type { EvidenceItem } from '../../../src/attest/evidence/evidence.ts'
import { binderOf } from '../../../src/attest/freshness/binder.ts'
import { AK_ROOTS, EK_ROOTS } from '../../../src/attest/tpm/key-chain.ts'
import { activationId } from '../../../src/attest/tpm/key-trust.ts'
import { makeCredential } from '../../../src/attest/tpm/make-credential.ts'
import { parseTpmPublic, tpmNameOf } from '../../../src/attest/tpm/public.ts'
import { activatable, tpm } from '../../../src/attest/tpm/tpm.ts'
import {
  noOpenssl,
  noSoftwareTpm,
  type SoftwareTpm,
  startSoftwareTpm,
} from '../../support/software-tpm.ts'
import { denialOf } from '../denials.ts'
import { NOW, verification } from '../synthetic/tpm.ts'
import { AK_PURPOSE, EK_PURPOSE, makeAuthority } from '../synthetic/tpm-authority.ts'

const TYPE = 'application/vnd.portcullis.tpm-quote+json'
const SERVER = 'spiffe://prod.example/mcp/files'
const LAB = makeAuthority('lab')
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')

it('the example makes the binder as we do', () => {
  const binding = {
    nonce: Buffer.alloc(32, 1),
    spkiSha256: Buffer.alloc(32, 2),
    serverId: SERVER,
    targetUrl: 'https://localhost:8443/mcp?ä=ö',
  }
  expect(theirs(binding)).toEqual(binderOf(binding))
  const exporter = Buffer.alloc(32, 3)
  expect(theirs({ ...binding, exporter })).toEqual(binderOf({ ...binding, exporter }))
})

describe.skipIf(noSoftwareTpm || noOpenssl)('the attested server', () => {
  const { certificate, key } = noOpenssl ? { certificate: '', key: '' } : makeCertificate()
  const open: AsyncDisposable[] = []
  let made: SoftwareTpm
  let server: AttestedServer
  let socket: TLSSocket
  let agent: Agent
  beforeAll(async () => {
    made = await startSoftwareTpm()
    open.push(made)
    const ak = LAB.issue(createPublicKey({ key: made.akSpki, format: 'der', type: 'spki' }), {
      purpose: AK_PURPOSE,
    })
    const ek = LAB.issue(parseTpmPublic(made.ekPublic).key, { purpose: EK_PURPOSE })
    const source = tpmSource(made, { akCertificates: [ak], ekCertificates: [ek] })
    server = await startServer({ serverId: SERVER, certificate, key, sources: [source] })
    open.push(server)
    socket = connect({
      host: '127.0.0.1',
      port: server.port,
      servername: 'localhost',
      ca: certificate,
    })
    await once(socket, 'secureConnect')
    agent = new Agent({ keepAlive: true, maxSockets: 1 })
    agent.createConnection = () => socket
  }, 30_000)
  afterAll(async () => {
    socket?.destroy()
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  async function post(body: unknown, over = agent): Promise<{ status: number; body: never }> {
    const path = '/.well-known/mcp-attestation'
    const options = { agent: over, host: 'localhost', port: server.port, path, ca: certificate }
    const sent = request({ ...options, method: 'POST' })
    sent.end(typeof body === 'string' ? body : JSON.stringify(body))
    const [response] = await once(sent, 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    return { status: response.statusCode, body: JSON.parse(text) as never }
  }

  const asking = (nonce: Buffer, changes: object = {}) => ({
    v: 1,
    challenge_id: 'one',
    nonce: b64(nonce),
    server_id: SERVER,
    target_url: server.url,
    binding: ['spki', 'exporter'],
    accept: [TYPE],
    ...changes,
  })

  async function evidenceFor(nonce: Buffer, changes: object = {}): Promise<EvidenceItem> {
    const { body } = await post(asking(nonce, changes))
    const [{ cmw, endorsements }] = (
      body as { evidence: [{ cmw: string[]; endorsements: object }] }
    ).evidence
    expect([cmw[0], cmw[2]]).toEqual([TYPE, 4])
    const bytes = Buffer.from(cmw[1] ?? '', 'base64url')
    return { type: 'tpm', bytes, endorsements: { ...endorsements } }
  }

  function expectedFor(nonce: Buffer, exporter?: Buffer) {
    const spkiSha256 = spkiSha256Of(certificate)
    const of = { nonce, spkiSha256, serverId: SERVER, targetUrl: server.url }
    const bytes = binderOf(exporter ? { ...of, exporter } : of)
    return { kind: 'binder', bytes } as const
  }

  it('answers with a quote over key, names and connection, by a certified key', async () => {
    const nonce = randomBytes(32)
    const item = await evidenceFor(nonce)
    const roots = { [AK_ROOTS]: [{ id: 'lab', der: LAB.der }] }
    const at = (exporter?: Buffer) =>
      verification({ expected: expectedFor(nonce, exporter), roots })
    const claims = tpm.verify(item, at(exporterOf(socket, 'one')))
    expect(claims).toMatchObject({ binding: 'matched', anchor: 'lab' })
    expect(Object.keys(claims.measurements)).toHaveLength(8)
    for (const other of [exporterOf(socket, 'two'), undefined])
      expect(denialOf(() => tpm.verify(item, at(other)))).toBe('evidence.nonce_mismatch: extraData')
  })

  it('leaves the connection out where only the key is asked for', async () => {
    const nonce = randomBytes(32)
    const item = await evidenceFor(nonce, { binding: ['spki'] })
    const claims = tpm.verify(item, verification({ expected: expectedFor(nonce) }))
    expect(claims.binding).toBe('matched')
  })

  it('has its key activated in a second request on the same connection', async () => {
    const nonce = randomBytes(32)
    const item = await evidenceFor(nonce)
    const pair = activatable(item)
    if (!pair) throw new Error('nothing to activate')
    const secret = randomBytes(32)
    const name = tpmNameOf(pair.ak)
    const { credential, secret: seed } = makeCredential(pair.ek, name, {
      secret,
      random: randomBytes,
    })
    const activate = { credential: b64(credential), secret: b64(seed) }
    const { body } = await post({ v: 1, challenge_id: 'one', activate })
    const answer = Buffer.from((body as { activation: string }).activation, 'base64url')
    const bytes = Buffer.concat([secret, answer])
    const expected = expectedFor(nonce, exporterOf(socket, 'one'))
    const claims = tpm.verify(
      item,
      verification({
        expected,
        roots: { [EK_ROOTS]: [{ id: 'vendor', der: LAB.der }] },
        collateral: new Map([[activationId(pair, expected), { bytes, receivedAt: NOW }]]),
      }),
    )
    expect(claims).toMatchObject({ anchor: 'vendor', flags: { ak_trust: 'ek-activation' } })
    const elsewhere = await post({ v: 1, challenge_id: 'one', activate }, new Agent())
    expect(elsewhere.status).toBe(403)
  })

  it('sends nothing of a kind that is not accepted', async () => {
    const { body } = await post(asking(randomBytes(32), { accept: ['application/other'] }))
    expect(body).toMatchObject({ evidence: [] })
  })

  it.each([
    ['another name', { server_id: 'other' }, 403],
    ['another address', { target_url: 'https://other/mcp' }, 403],
    ['another version', { v: 2 }, 400],
    ['a short nonce', { nonce: 'AAAA' }, 400],
    ['no challenge', { challenge_id: '' }, 400],
    ['an activation that was not begun', { challenge_id: 'three', activate: {} }, 403],
  ])('refuses %s', async (_what, changes, status) => {
    expect((await post(asking(randomBytes(32), changes))).status).toBe(status)
  })

  it('refuses what is no JSON and what is too large', async () => {
    expect((await post('{')).status).toBe(400)
    expect((await post('x'.repeat(70_000))).status).toBe(413)
  })
})
