// What a server has to prove by TLS when somebody decides about it: roots, name, version, and the certificate the gateway shows.
import { afterEach, describe, expect, it } from 'vitest'
import type { TlsOptions } from '../../src/upstream/client.ts'
import { startOddServer } from '../fixtures/upstream/odd-http.ts'
import { startOddWebSocket } from '../fixtures/upstream/odd-websocket.ts'
import { issue, makeAuthority } from '../support/certificates.ts'
import { startTlsFront } from '../support/tls-front.ts'
import {
  eventually,
  httpOptions,
  textOf,
  toolCall,
  upstreamOf,
  webSocketOptions,
} from './support.ts'

const release: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const done of release.splice(0).reverse()) await done()
})

const authority = makeAuthority()
const stranger = makeAuthority('Another Authority')
const local = issue(authority)
const elsewhere = issue(authority, {
  dns: ['elsewhere.example'],
  uri: ['spiffe://prod.example/files'],
})
const client = issue(authority, { name: 'gateway', dns: [] })

async function serve(
  kind: 'http' | 'websocket',
  tls: TlsOptions | undefined,
  shown: Parameters<typeof startTlsFront>[1] = local,
) {
  const plain = await (kind === 'http' ? startOddServer() : startOddWebSocket())
  release.push(plain.close)
  const front = await startTlsFront(plain.port, shown)
  release.push(front.close)
  const options =
    kind === 'http'
      ? httpOptions(`https://localhost:${front.port}/mcp`)
      : webSocketOptions(`wss://localhost:${front.port}/mcp`)
  const { upstream } = upstreamOf(options, { trust: { tls } })
  release.push(() => upstream.close())
  await upstream.start()
  return { upstream, front }
}

describe.each(['http', 'websocket'] as const)('over %s', (kind) => {
  const works = async (
    tls: TlsOptions | undefined,
    shown?: Parameters<typeof startTlsFront>[1],
  ) => {
    const { upstream, front } = await serve(kind, tls, shown)
    const link = upstream.link('legacy')
    if (!link) {
      expect(front.received()).toBe(0)
      return upstream.status.error
    }
    return textOf(link.request(toolCall('echo', { n: 1 })))
  }
  const unreachable = (code: string) => expect.stringContaining(`could not be reached: ${code}`)

  it.each<[string, TlsOptions | undefined, string]>([
    ['its own authority', { ca: [authority.cert] }, ''],
    ['one of several', { ca: [stranger.cert, authority.cert] }, ''],
    ['another authority', { ca: [stranger.cert] }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['nobody', { ca: [] }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['the roots of the system', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['nothing in particular', undefined, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('where %s is trusted', async (_whom, tls, code) => {
    expect(await works(tls)).toEqual(code === '' ? '{"n":1}' : unreachable(code))
  })

  it('the host name is checked unless who it must be is said otherwise', async () => {
    const ca = [authority.cert]
    expect(await works({ ca }, elsewhere)).toEqual(unreachable('ERR_TLS_CERT_ALTNAME_INVALID'))
    const asked: Uint8Array[] = []
    const identity = (certificate: Uint8Array) => void asked.push(certificate)
    expect(await works({ ca, identity: identity as never }, elsewhere)).toBe('{"n":1}')
    expect(Buffer.from(asked[0] as Uint8Array)).toEqual(elsewhere.der)
    const no = () => new Error('it is not spiffe://prod.example/other')
    expect(await works({ ca, identity: no }, elsewhere)).toContain(
      'it is not spiffe://prod.example',
    )
    // never asked about a certificate whose chain is bad
    const late: unknown[] = []
    await works({ ca: [stranger.cert], identity: () => void late.push(1) as never }, elsewhere)
    expect(late).toEqual([])
  })

  it('an older version of TLS is refused', async () => {
    const ca = [authority.cert]
    const old = { ...local, maxVersion: 'TLSv1.2' as const }
    expect(await works({ ca, minVersion: 'TLSv1.2' }, old)).toBe('{"n":1}')
    expect(await works({ ca, minVersion: 'TLSv1.3' }, old)).toContain('could not be reached')
  })

  it('a server that asks for a certificate is shown the one that was given', async () => {
    const ca = [authority.cert]
    const asking = { ...local, requestCert: true, rejectUnauthorized: true, ca }
    const { upstream, front } = await serve(
      kind,
      { ca, cert: client.cert, key: client.key },
      asking,
    )
    expect(upstream.status.state).toBe('ready')
    expect(front.handshakes[0]?.client.subject.CN).toBe('gateway')
    const without = await serve(kind, { ca }, asking)
    expect(without.upstream.status.state).toBe('failed')
  })

  it('roots that are taken away end what was trusted because of them', async () => {
    const { upstream, front } = await serve(kind, { ca: [authority.cert] })
    expect(upstream.status.state).toBe('ready')
    upstream.secure({ tls: { ca: [stranger.cert] } })
    await eventually(async () => {
      const link = upstream.link('legacy')
      if (link) await expect(link.request(toolCall('echo'))).rejects.toBeDefined()
      expect(upstream.status.error).toEqual(unreachable('UNABLE_TO_VERIFY_LEAF_SIGNATURE'))
    })
    await eventually(() => expect(front.connections()).toBe(0))
  })
})

it('what has to be proved is, whatever the environment says of TLS', async () => {
  const name = 'NODE_TLS_REJECT_UNAUTHORIZED'
  process.env[name] = '0'
  try {
    const { upstream } = await serve('http', { ca: [stranger.cert] })
    expect(upstream.status.error).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  } finally {
    delete process.env[name]
  }
})

it('a key that cannot be read is refused without a word of it', () => {
  const { upstream } = upstreamOf(httpOptions('https://localhost:1/mcp'))
  release.push(() => upstream.close())
  expect(() => upstream.secure({ tls: { cert: client.cert, key: 'SECRET' } })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: 'the certificates or the key given for server odd cannot be read',
    }),
  )
})
