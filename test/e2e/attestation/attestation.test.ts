// Attestation from the policy to the call, over real TLS on loopback; reports of SEV-SNP are synthetic, under a root of a test.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { EvidenceSource } from '../../../examples/attested-server/attester.ts'
import {
  type Chip,
  makeChip,
  makeReport,
  type ReportOptions,
  snpItem,
} from '../../attest/synthetic/snp.ts'
import { type LiveAuthority, type LivePem, liveAuthority, pemOf } from './authority.ts'
import { type Answering, attestedServer, type TestServer } from './server.ts'
import { type World, type WorldOptions, world } from './world.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

const MEASUREMENT = '4d'.repeat(48)

/** What a processor says, over the binder or whatever else it is given. */
function snpSource(chip: Chip, options: Partial<ReportOptions> = {}): EvidenceSource {
  return {
    type: 'application/vnd.portcullis.snp-report',
    async collect(binder) {
      const item = snpItem(chip, makeReport(chip, { reportData: binder, ...options }))
      return {
        cmw: [
          'application/vnd.portcullis.snp-report',
          Buffer.from(item.bytes).toString('base64url'),
          4,
        ],
        endorsements: item.endorsements,
      }
    },
  }
}

const policyOf = (
  changes: { tls?: object; evidence?: object; snp?: object; result?: object; top?: object } = {},
) => ({
  version: 1,
  id: 'prod',
  tls: {
    anchors: ['live'],
    identity: { any_of: [{ dns: 'localhost' }] },
    revocation: { mode: 'off' },
    ...changes.tls,
  },
  evidence: {
    require: { any_of: ['sev-snp'] },
    'sev-snp': {
      products: ['Milan'],
      min_tcb: { Milan: { bl: 0, tee: 0, snp: 0, ucode: 0 } },
      revocation: 'prefer',
      reference: { measurement: ['rv:build'] },
      ...changes.snp,
    },
    ...changes.evidence,
  },
  reference_values: { 'rv:build': { values: [`sha384:${MEASUREMENT}`] } },
  result: { ttl: '20s', reattest: { interval: '1s', jitter: '0%' }, ...changes.result },
  ...changes.top,
})

const NOTHING: EvidenceSource = {
  type: 'application/vnd.portcullis.snp-report',
  collect: async () => ({ cmw: ['application/vnd.example', 'AAAA', 4], endorsements: {} }),
}

/** The audit is written behind what it tells of. */
async function codeIs(made: World, code: string): Promise<void> {
  const last = async () => (await made.audit('attestation')).at(-1)?.code
  await expect.poll(last, { timeout: 3000 }).toBe(code)
}

async function firstRecord(made: World) {
  await expect.poll(async () => (await made.audit('attestation')).length).toBeGreaterThan(0)
  const [record] = await made.audit('attestation')
  return record
}

/** Passes a challenge on to a server behind another certificate. */
function relayTo(behind: TestServer): Answering {
  return (request, response) => {
    const { pathname } = new URL(request.url ?? '', behind.url)
    const url = new URL(pathname, behind.url)
    const onward = httpsRequest(url, { method: 'POST', rejectUnauthorized: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500)
      answer.pipe(response)
    })
    request.pipe(onward)
  }
}

/** Where a revocation list is had from. */
async function listServer() {
  let list: Buffer | undefined
  const server = createServer((_request, response) => {
    response.writeHead(list ? 200 : 404).end(list)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push({
    async [Symbol.asyncDispose]() {
      server.close()
    },
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/list.crl`,
    serve(made: Buffer) {
      list = made
    },
  }
}

interface Scene {
  readonly leaf: LivePem
  readonly authority: LiveAuthority
  readonly chip: Chip
  readonly server: TestServer
  readonly made: World
}

async function scene(
  options: {
    readonly policy?: object
    readonly source?: (chip: Chip) => EvidenceSource
    readonly attestation?: object
    readonly anchor?: object
    /** Where the certificate says that its revocation list is. */
    readonly crl?: string
    readonly world?: Partial<WorldOptions>
    readonly server?: object
  } = {},
): Promise<Scene> {
  const authority = liveAuthority()
  const chip = makeChip({ product: 'Milan' })
  const { source = (made: Chip) => snpSource(made) } = options
  const leaf = authority.leaf(options.crl === undefined ? {} : { crl: options.crl })
  const server = await attestedServer({ serverId: 'files', ...leaf, sources: [source(chip)] })
  open.push(server)
  const made = await world({
    servers: [{ name: 'files', url: server.url, attestation: 'prod', ...options.server }],
    attestation: {
      anchors: { live: { pem: authority.pem, ...options.anchor } },
      roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
      ...options.attestation,
    },
    policies: [options.policy ?? policyOf()],
    ...options.world,
  })
  open.push(made)
  return { authority, chip, server, made, leaf }
}

describe('a server with an appraisal policy', () => {
  it('is admitted with fresh evidence, used, and attested again', async () => {
    const { server, made } = await scene()
    expect(made.admission('files')).toEqual({ admission: 'admitted', reason: undefined })
    expect(await made.call('files')).toMatchObject({ ok: true })
    const first = server.challenged()
    await expect.poll(() => server.challenged(), { timeout: 5000 }).toBeGreaterThan(first)
    expect((await made.call('files')).ok).toBe(true)
    const record = await firstRecord(made)
    expect(record).toMatchObject({
      server: 'files',
      verdict: 'admit',
      effective: true,
      details: {
        cause: 'registration',
        level: 'platform',
        freshness: 'checked',
        matched: ['rv:build'],
      },
    })
  })
})

describe('a server that does not prove what its policy asks is refused, and calls do not reach it', () => {
  const refused: readonly (readonly [
    name: string,
    reason: string,
    options: Parameters<typeof scene>[0],
  ])[] = [
    [
      'evidence over another nonce',
      'evidence.nonce_mismatch',
      { source: (chip) => snpSource(chip, { reportData: Buffer.alloc(64, 7) }) },
    ],
    [
      'evidence of a debuggable guest',
      'evidence.debug',
      { source: (chip) => snpSource(chip, { policy: 1 << 19 }) },
    ],
    [
      'a measurement that is in no list',
      'evidence.measurement_unlisted',
      { source: (chip) => snpSource(chip, { measurement: Buffer.alloc(48, 0x4e) }) },
    ],
    [
      'evidence of another maker',
      'evidence.untrusted_root',
      { source: () => snpSource(makeChip({ product: 'Milan' })) },
    ],
    ['no evidence', 'evidence.missing', { source: () => NOTHING }],
    [
      'an anchor whose time is over',
      'tls.untrusted_anchor',
      { anchor: { not_after: '2026-01-01' } },
    ],
    [
      'a certificate for another name',
      'tls.name_mismatch',
      { policy: policyOf({ tls: { identity: { any_of: [{ dns: 'other.example' }] } } }) },
    ],
    [
      'a certificate that lives too long',
      'tls.validity_too_long',
      { policy: policyOf({ tls: { max_validity_days: 7 } }) },
    ],
    [
      'a policy that asks for clients with certificates of a server that does not',
      'tls.mtls_absent',
      { policy: policyOf({ tls: { mtls: 'required' } }) },
    ],
  ]

  it.each(refused)('%s: %s', async (_name, reason, options) => {
    const { made, server } = await scene(options)
    expect(made.admission('files').admission).toBe('quarantined')
    const { ok, text } = await made.call('files')
    expect(ok).toBe(false)
    expect(text).toContain('UPSTREAM_QUARANTINED')
    expect(server.called()).toBe(0)
    const record = await firstRecord(made)
    expect(record).toMatchObject({
      server: 'files',
      verdict: 'deny',
      effective: true,
      code: reason,
    })
    // one sentence for the operator and the record
    expect(made.admission('files').reason).toBe(`${record?.reason} (${reason})`)
    // a caller is told that, and not why
    expect(text).not.toContain(record?.reason)
  })

  it('evidence of a server behind another TLS key, relayed', async () => {
    const { made, server, chip } = await scene()
    const behind = await attestedServer({
      serverId: 'files',
      targetUrl: server.url,
      ...liveAuthority('Another').leaf(),
      sources: [snpSource(chip)],
    })
    open.push(behind)
    server.answerWith(relayTo(behind))
    await made.until('files', 'quarantined', 5000)
    await codeIs(made, 'evidence.nonce_mismatch')
    expect((await made.call('files')).ok).toBe(false)
  })

  it('an answer that was given before', async () => {
    const { made, server } = await scene()
    let first: string | undefined
    const attest = server.attester()
    server.answerWith((request, response) => {
      if (first !== undefined) return void response.end(first)
      const end = response.end.bind(response)
      response.end = ((body: unknown) => {
        first = String(body)
        return end(body)
      }) as typeof response.end
      return attest(request, response)
    })
    await made.until('files', 'quarantined', 8000)
    await codeIs(made, 'evidence.nonce_mismatch')
  })

  it('a certificate that is revoked after it was admitted', async () => {
    const lists = await listServer()
    const policy = policyOf({
      tls: { revocation: { mode: 'require', sources: ['crl'], max_age: '1s' } },
    })
    const { made, authority, leaf } = await scene({ policy, crl: lists.url })
    lists.serve(authority.crl([]))
    await made.until('files', 'admitted', 8000)
    lists.serve(authority.crl([leaf.issued], { number: 2 }))
    await made.until('files', 'quarantined', 8000)
    await codeIs(made, 'tls.revoked')
    expect((await made.call('files')).ok).toBe(false)
  })
})

describe('a server that was admitted', () => {
  it('is quarantined the moment it shows another key, and nothing is sent to that one', async () => {
    const { made, server, authority } = await scene({
      policy: policyOf({ result: { reattest: { interval: '10s' } } }),
    })
    server.attestWith(NOTHING)
    server.rekey(authority.leaf())
    const { ok, text } = await made.call('files')
    expect(ok).toBe(false)
    expect(text).toMatch(/UPSTREAM_(?:KEY_CHANGED|QUARANTINED)/)
    await made.until('files', 'quarantined', 2000)
    expect(server.called()).toBe(0)
  })

  it('serves again with the new key once that one is attested', async () => {
    const { made, server, authority } = await scene()
    server.rekey(authority.leaf())
    await made.call('files')
    await expect.poll(async () => (await made.call('files')).ok, { timeout: 15_000 }).toBe(true)
  })

  it('stops being called when its measurement is another one, within one interval', async () => {
    const { made, server, chip } = await scene()
    expect((await made.call('files')).ok).toBe(true)
    server.attestWith(snpSource(chip, { measurement: Buffer.alloc(48, 0x4e) }))
    await made.until('files', 'quarantined', 4000)
    expect((await made.call('files')).ok).toBe(false)
    expect(server.called()).toBe(1)
    expect(made.admission('files').reason).toContain('a measurement is in no reference value')
  })

  it('is quarantined on other hardware until an operator accepts that', async () => {
    const { made, server, chip } = await scene()
    const other = makeChip({ product: 'Milan', beside: chip, hwid: Buffer.alloc(64, 9) })
    server.attestWith(snpSource(other))
    await made.until('files', 'quarantined', 5000)
    await codeIs(made, 'evidence.identity_changed')
    await made.gateway.gateway.attestation.attest('files', { newHardware: true })
    expect(made.admission('files')).toEqual({ admission: 'admitted', reason: undefined })
  })

  it('is in grace while it does not answer, and quarantined when its result is over', async () => {
    const policy = policyOf({ result: { ttl: '3s', reattest: { interval: '1s', jitter: '0%' } } })
    const { made, server } = await scene({ policy })
    server.answerWith((_request, response) => void response.writeHead(503).end())
    await made.until('files', 'grace', 5000)
    expect((await made.call('files')).ok).toBe(true)
    await made.until('files', 'quarantined', 5000)
    expect((await made.call('files')).ok).toBe(false)
  })

  it('is attested at once when its policy is another one', async () => {
    const { made, server } = await scene({
      policy: policyOf({ result: { ttl: '1h', reattest: { interval: '30m' } } }),
    })
    const before = server.challenged()
    made.writePolicy(0, policyOf({ snp: { vmpl: [1] } }))
    await made.gateway.reload()
    await expect.poll(() => server.challenged(), { timeout: 5000 }).toBeGreaterThan(before)
    await made.until('files', 'quarantined', 5000)
    await codeIs(made, 'evidence.privilege')
  })
})

describe('a policy that only observes', () => {
  it('lets the server serve and says what it would have refused', async () => {
    const { made } = await scene({
      policy: policyOf({ top: { mode: 'observe' } }),
      source: (chip) => snpSource(chip, { policy: 1 << 19 }),
    })
    expect((await made.call('files')).ok).toBe(true)
    const record = await firstRecord(made)
    expect(record).toMatchObject({ verdict: 'deny', effective: false, code: 'evidence.debug' })
    expect(await made.metrics()).toContain('decision="would_deny",reason="evidence.debug"} 1')
  })

  it('so does an entry that only observes', async () => {
    const { made } = await scene({
      world: { mode: 'permissive' },
      source: (chip) => snpSource(chip, { policy: 1 << 19 }),
    })
    expect((await made.call('files')).ok).toBe(true)
  })
})

describe('a policy that nobody has checked', () => {
  it('keeps the server out: no entry asked for its attestation', async () => {
    const { made } = await scene({ world: { more: { plugins: { enabled: false } } } })
    expect(made.admission('files')).toEqual({
      admission: 'quarantined',
      reason:
        'the server has an appraisal policy, and no plugin entry had it attested (policy.unasked)',
    })
  })
})
