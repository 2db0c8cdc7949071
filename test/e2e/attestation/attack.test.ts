// What an attested server, the network before it or whoever may change its configuration could try, over real TLS; reports are synthetic.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { makeChip, makeReport, snpItem } from '../../attest/synthetic/snp.ts'
import { by, person } from '../../registry/bench.ts'
import { type LivePem, liveAuthority, pemOf } from './authority.ts'
import { attestedServer, type TestServer } from './server.ts'
import { type World, type WorldOptions, world } from './world.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

const MEDIA = 'application/vnd.portcullis.snp-report'
const TLS = {
  anchors: ['live'],
  identity: { any_of: [{ dns: 'localhost' }] },
  revocation: { mode: 'off' },
}
const EVIDENCE = {
  require: { any_of: ['sev-snp'] },
  'sev-snp': {
    products: ['Milan'],
    min_tcb: { Milan: { bl: 0, tee: 0, snp: 0, ucode: 0 } },
    revocation: 'prefer',
    reference: { measurement: ['rv:build'] },
  },
}
const POLICY = {
  version: 1,
  id: 'prod',
  tls: TLS,
  evidence: EVIDENCE,
  reference_values: { 'rv:build': { values: [`sha384:${'4d'.repeat(48)}`] } },
  result: { ttl: '1h', reattest: { interval: '30m', jitter: '0%' } },
}
/** Who it is and nothing more. */
const IDENTITY = { version: 1, id: 'prod', tls: TLS, result: POLICY.result }

const authority = liveAuthority()
const chip = makeChip({ product: 'Milan' })
const SOURCE = {
  type: MEDIA,
  async collect(binder: Uint8Array) {
    const item = snpItem(chip, makeReport(chip, { reportData: binder }))
    const value = Buffer.from(item.bytes).toString('base64url')
    return { cmw: [MEDIA, value, 4] as const, endorsements: item.endorsements }
  },
}

async function serverOf(pem: LivePem = authority.leaf(), serverId = 'files'): Promise<TestServer> {
  const server = await attestedServer({ serverId, ...pem, sources: [SOURCE] })
  open.push(server)
  return server
}

async function worldOf(options: WorldOptions): Promise<World> {
  const made = await world({
    attestation: {
      anchors: { live: { pem: authority.pem } },
      roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
    },
    ...options,
  })
  open.push(made)
  return made
}

/** Changes the configuration and reloads it. */
async function reconfigure(made: World, change: (config: Record<string, unknown>) => void) {
  const file = join(made.folder, 'gateway.yaml')
  const config = parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  change(config)
  writeFileSync(file, stringify(config), { mode: 0o600 })
  const result = await made.gateway.reload()
  // whoever watches the file may have been faster
  expect(result.outcome).toMatch(/^(?:applied|unchanged)$/)
}

describe('another server under the name of one that was admitted', () => {
  it('is not started before its program was measured', async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'programs-')))
    open.push({ [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }) })
    const program = (name: string) => {
      const file = join(folder, `${name}.mjs`)
      const marker = join(folder, `${name}.ran`)
      const text = `import { writeFileSync } from 'node:fs'
writeFileSync(${JSON.stringify(marker)}, '')
process.exit(1)
`
      writeFileSync(file, text)
      const digest = createHash('sha256').update(text).digest('hex')
      return { file, marker, digest: `sha256:${digest}` }
    }
    const good = program('good')
    const evil = program('evil')
    const node = realpathSync(process.execPath)
    const nodeDigest = createHash('sha256').update(readFileSync(node)).digest('hex')
    const made = await worldOf({
      servers: [{ name: 'local', command: node, args: [good.file], attestation: 'program' }],
      policies: [
        {
          version: 1,
          id: 'program',
          package: { reference: { command: [`sha256:${nodeDigest}`], files: [good.digest] } },
        },
      ],
    })
    await made.until('local', 'admitted', 20_000)
    await expect.poll(() => existsSync(good.marker), { timeout: 5000 }).toBe(true)
    await reconfigure(made, (config) => {
      config.servers = [{ name: 'local', command: node, args: [evil.file], attestation: 'program' }]
    })
    await made.until('local', 'quarantined')
    expect(existsSync(evil.marker)).toBe(false)
  }, 60_000)

  it('is not called before it was attested, not even with the same key', async () => {
    // they share a key, as one that was stolen, or two places of one machine
    const pem = authority.leaf()
    const first = await serverOf(pem)
    const second = await serverOf(pem)
    const made = await worldOf({
      servers: [{ name: 'files', url: first.url, attestation: 'prod' }],
      policies: [POLICY],
    })
    await made.until('files', 'admitted')
    // it never answers a challenge
    second.answerWith(() => {})
    await reconfigure(made, (config) => {
      config.servers = [{ name: 'files', url: second.url, attestation: 'prod' }]
    })
    expect(made.admission('files').admission).toBe('quarantined')
    expect((await made.call('files')).ok).toBe(false)
    expect(second.called()).toBe(0)
  }, 60_000)

  it('shows that it is the one that its SPIFFE ID now says', async () => {
    const server = await serverOf()
    const made = await worldOf({
      servers: [{ name: 'files', url: server.url, attestation: 'prod' }],
      policies: [POLICY],
    })
    await made.until('files', 'admitted')
    await reconfigure(made, (config) => {
      const spiffe_id = 'spiffe://prod.example/other'
      config.servers = [{ name: 'files', url: server.url, attestation: 'prod', spiffe_id }]
    })
    // the attester there answers for files
    await made.until('files', 'quarantined', 5000)
    expect((await made.call('files')).ok).toBe(false)
  }, 60_000)

  it('is no reason to hold what it shows against the one that stays', async () => {
    const first = await serverOf()
    const made = await worldOf({
      servers: [{ name: 'files', url: first.url, attestation: 'prod' }],
      policies: [POLICY],
    })
    await made.until('files', 'admitted')
    const other = makeChip({ product: 'Milan', beside: chip, hwid: Buffer.alloc(64, 9) })
    const second = await serverOf()
    second.attestWith({
      type: MEDIA,
      async collect(binder) {
        const item = snpItem(other, makeReport(other, { reportData: binder }))
        const value = Buffer.from(item.bytes).toString('base64url')
        return { cmw: [MEDIA, value, 4], endorsements: item.endorsements }
      },
    })
    // moved to other hardware and back by the configuration: each is attested as itself
    await reconfigure(made, (config) => {
      config.servers = [{ name: 'files', url: second.url, attestation: 'prod' }]
    })
    await made.until('files', 'admitted', 5000)
    await reconfigure(made, (config) => {
      config.servers = [{ name: 'files', url: first.url, attestation: 'prod' }]
    })
    await made.until('files', 'admitted', 5000)
  }, 60_000)
})

describe('a server that runs', () => {
  it('serves no longer once a policy is for it, until that one has its verdict', async () => {
    const server = await serverOf()
    const made = await worldOf({
      servers: [{ name: 'files', url: server.url }],
      policies: [{ ...POLICY, id: 'other' }],
      attestation: {
        anchors: { live: { pem: authority.pem } },
        roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
      },
    })
    await made.until('files', 'admitted')
    server.answerWith(() => {})
    await reconfigure(made, (config) => {
      config.servers = [{ name: 'files', url: server.url, attestation: 'other' }]
    })
    expect(made.admission('files').admission).toBe('quarantined')
  }, 60_000)

  it('serves no longer than its result although it is just being attested', async () => {
    const server = await serverOf()
    const made = await worldOf({
      servers: [{ name: 'files', url: server.url, attestation: 'prod' }],
      policies: [{ ...POLICY, result: { ttl: '4s', reattest: { interval: '2s', jitter: '0%' } } }],
    })
    await made.until('files', 'admitted')
    // the challenge is taken, and never answered
    server.answerWith(() => {})
    await made.until('files', 'quarantined', 8000)
  }, 60_000)
})

describe('a policy that only observes', () => {
  it('keeps no connection from coming about: no key is pinned, and every anchor will do', async () => {
    const other = liveAuthority('Other Root')
    const server = await serverOf(other.leaf())
    const made = await worldOf({
      servers: [{ name: 'files', url: server.url, attestation: 'prod' }],
      policies: [{ ...IDENTITY, mode: 'observe' }],
      attestation: { anchors: { live: { pem: authority.pem }, other: { pem: other.pem } } },
    })
    await expect.poll(async () => (await made.call('files')).ok, { timeout: 5000 }).toBe(true)
    // the audit is written behind what it tells of
    const first = async () => (await made.audit('attestation'))[0]
    await expect.poll(first, { timeout: 3000 }).toMatchObject({ verdict: 'deny', effective: false })
    server.rekey(authority.leaf())
    await expect.poll(async () => (await made.call('files')).ok, { timeout: 10_000 }).toBe(true)
    server.rekey(authority.leaf())
    await expect.poll(async () => (await made.call('files')).ok, { timeout: 10_000 }).toBe(true)
  }, 60_000)
})

describe('a revocation list', () => {
  it('that is older than one that was seen is no answer', async () => {
    let list: Buffer = Buffer.alloc(0)
    const lists = createServer((_request, response) => void response.end(list))
    await new Promise<void>((done) => lists.listen(0, '127.0.0.1', done))
    open.push({ [Symbol.asyncDispose]: async () => void lists.close() })
    const { port } = lists.address() as AddressInfo
    list = authority.crl([], { number: 5 })
    const leaf = authority.leaf({ crl: `http://127.0.0.1:${port}/list.crl` })
    const server = await serverOf(leaf)
    const revocation = { mode: 'require', sources: ['crl'], max_age: '1s' }
    const made = await worldOf({
      servers: [{ name: 'files', url: server.url, attestation: 'prod' }],
      policies: [
        {
          ...IDENTITY,
          tls: { ...TLS, revocation },
          result: { ttl: '6s', reattest: { interval: '2s', jitter: '0%' } },
        },
      ],
    })
    await made.until('files', 'admitted', 8000)
    list = authority.crl([], { number: 4 })
    await made.until('files', 'quarantined', 12_000)
    const code = async () => (await made.audit('attestation')).at(-1)?.code
    await expect.poll(code, { timeout: 3000 }).toBe('tls.revocation_unknown')
  }, 60_000)
})

describe('a server that is written through the API', () => {
  const byApi = (policies: readonly object[]) => ({
    admin: { port: 0, api: true },
    registry: { follow: '50ms' },
    store: { keys: [Buffer.alloc(32, 1).toString('base64')] },
    identity: { roles: { root: { allow: [{ actions: ['api:*'], tenants: ['*'] }] } } },
    policies,
    plugins: {
      enabled: true,
      allowed: ['attest', 'rules'],
      entries: [{ name: 'attestation', use: 'attest', priority: 1, grants: { attestation: true } }],
    },
  })
  const write = (made: World, url: string) => {
    const registry = made.gateway.gateway.control?.registry
    if (!registry) throw new Error('no registry')
    return registry.write(
      { op: 'create', kind: 'server', body: { name: 'files', url } },
      by(person('root', ['root'])),
    )
  }
  const EVERY = { ...POLICY, applies_to: { servers: ['**'] } }

  it('is attested before it is there, and once for that', async () => {
    const server = await serverOf()
    const made = await worldOf({ servers: [], policies: [EVERY], more: byApi([]) })
    expect(await write(made, server.url)).toMatchObject({ outcome: 'written' })
    const isThere = () => made.gateway.gateway.state().servers.has('files')
    await expect.poll(isThere, { timeout: 5000 }).toBe(true)
    await made.until('files', 'admitted')
    expect(server.challenged()).toBe(1)
  }, 60_000)

  it('is attested as what was written, and not only as what was asked for', async () => {
    const good = await serverOf()
    const evil = await serverOf()
    evil.attestWith()
    const patch = { entity: { url: evil.url } }
    // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
    const moving = { name: 'moving', on: ['server_pre_register'], then: 'patch', patch }
    const made = await worldOf({
      servers: [],
      policies: [EVERY],
      more: byApi([{ ...moving, priority: 200 }]),
    })
    expect(await write(made, good.url)).toMatchObject({ outcome: 'written' })
    expect(good.challenged()).toBe(1)
    const isThere = () => made.gateway.gateway.state().servers.has('files')
    await expect.poll(isThere, { timeout: 5000 }).toBe(true)
    await expect.poll(() => evil.challenged(), { timeout: 5000 }).toBeGreaterThan(0)
    expect((await made.call('files')).ok).toBe(false)
    expect(made.admission('files').admission).toBe('quarantined')
    expect(evil.called()).toBe(0)
  }, 60_000)
})
