// Servers that know their clients by certificate, in front of a real gateway that has one: required, asked for only, and not asked for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issue, makeAuthority } from '../../support/certificates.ts'
import { liveAuthority } from './authority.ts'
import { attestedServer, type TestServer } from './server.ts'
import { type World, world } from './world.ts'

const authority = liveAuthority()
const clients = makeAuthority('Clients')
const gateway = issue(clients, { name: 'gateway', dns: [] })

const policyOf = (id: string, mtls: string) => ({
  version: 1,
  id,
  tls: {
    anchors: ['live'],
    identity: { any_of: [{ dns: 'localhost' }] },
    revocation: { mode: 'off' },
    mtls,
  },
})

const requires = { requestCert: true, rejectUnauthorized: true, ca: clients.cert }
const SERVERS = {
  required: requires,
  requested: { ...requires, rejectUnauthorized: false },
  ignored: {},
}

describe('a policy that asks a server to know its clients', () => {
  const open: AsyncDisposable[] = []
  const servers: Record<string, TestServer> = {}
  let made: World
  beforeAll(async () => {
    for (const [name, tls] of Object.entries(SERVERS)) {
      const server = await attestedServer({ serverId: name, ...authority.leaf(), tls })
      open.push(server)
      servers[name] = server
    }
    made = await world({
      servers: [
        ...Object.keys(SERVERS).map((name) => ({
          name,
          url: servers[name]?.url,
          attestation: 'mutual',
        })),
        { name: 'lenient', url: servers.ignored?.url, attestation: 'one-sided' },
      ],
      attestation: {
        anchors: { live: { pem: authority.pem } },
        client: { cert_file: './client.pem', key_file: './client.key' },
      },
      policies: [policyOf('mutual', 'required'), policyOf('one-sided', 'any')],
      files: { 'client.pem': gateway.cert, 'client.key': gateway.key },
    })
    open.push(made)
  })
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  async function recordOf(name: string) {
    const records = async () =>
      (await made.audit('attestation')).filter(({ server }) => server === name)
    await expect.poll(async () => (await records()).length, { timeout: 5000 }).toBeGreaterThan(0)
    return (await records())[0]
  }

  it.each(['required', 'lenient'])('is satisfied, and the server is called: %s', async (name) => {
    expect(made.admission(name)).toEqual({ admission: 'admitted', reason: undefined })
    expect((await made.call(name)).ok).toBe(true)
    expect(await recordOf(name)).toMatchObject({
      verdict: 'admit',
      details: { level: 'transport' },
    })
  })

  it.each([
    ['one that merely asks for a certificate', 'requested', 'tls.mtls_absent'],
    ['one that does not ask', 'ignored', 'tls.mtls_absent'],
  ])('refuses %s', async (_what, name, code) => {
    expect(made.admission(name).admission).toBe('quarantined')
    expect((await made.call(name)).text).toContain('UPSTREAM_QUARANTINED')
    expect(await recordOf(name)).toMatchObject({ verdict: 'deny', effective: true, code })
  })
})
