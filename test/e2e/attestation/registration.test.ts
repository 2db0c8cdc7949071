// Servers that are registered and changed over the admin API of a real gateway: what attests is written and serves, what does not is refused and says why.
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { EvidenceSource } from '../../../examples/attested-server/attester.ts'
import { makeChip } from '../../attest/synthetic/snp.ts'
import { liveAuthority, pemOf } from './authority.ts'
import { attestedServer, type TestServer } from './server.ts'
import { NOTHING, policyOf, snpSource } from './snp.ts'
import { type World, world } from './world.ts'

const authority = liveAuthority()
const chip = makeChip({ product: 'Milan' })
const DEBUG = snpSource(chip, { policy: 1 << 19 })

/** Of somebody who knows nothing of attestation. */
const CURFEW = `
- name: curfew
  on: [server_pre_admit]
  when: payload.server == "files-late"
  then: deny
  code: CURFEW
  reason: not after ten
`

describe('a server that is registered over the admin API', () => {
  const open: AsyncDisposable[] = []
  let made: World
  let token = ''
  beforeAll(async () => {
    made = await world({
      servers: [],
      attestation: {
        require: 'all',
        anchors: { live: { pem: authority.pem } },
        roots: { 'test-amd': { family: 'amd', pem: pemOf(chip.root.der), synthetic: true } },
      },
      policies: [
        policyOf({
          result: { ttl: '1h', reattest: { interval: '30m' } },
          top: { applies_to: { servers: ['files*'] } },
        }),
      ],
      more: {
        admin: { port: 0, api: true },
        store: { url: 'sqlite::memory:' },
        identity: { api_keys: true },
        policies: parse(CURFEW),
      },
    })
    open.push(made)
    token = (await readFile(made.gateway.tokenFile ?? '', 'utf8')).trim()
  })
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  async function serve(name: string, source: EvidenceSource): Promise<TestServer> {
    const server = await attestedServer({ serverId: name, ...authority.leaf(), sources: [source] })
    open.push(server)
    return server
  }

  async function ask(method: string, path: string, body?: object) {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const answer = await fetch(`${made.gateway.adminUrl}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': type } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await answer.text()
    const json = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    return { status: answer.status, type: answer.headers.get('content-type'), body: json }
  }

  const post = (name: string, { url }: { url: string }, query = '') =>
    ask('POST', `/servers${query}`, { body: { name, url } })
  const recordsNow = async (name: string) =>
    (await made.audit('attestation')).filter(({ server }) => server === name)
  /** The audit is written behind what it tells of. */
  const records = async (name: string) => {
    await expect.poll(() => recordsNow(name), { timeout: 10_000 }).not.toEqual([])
    return recordsNow(name)
  }
  const recorded = (name: string, many: number) =>
    expect.poll(async () => (await recordsNow(name)).length, { timeout: 5000 }).toBe(many)
  const serves = (name: string) =>
    expect.poll(async () => (await made.call(name)).ok, { timeout: 10_000 }).toBe(true)

  it('is written and serves when it attests, and is asked once for both', async () => {
    const server = await serve('files', snpSource(chip))
    const answer = await post('files', server)
    expect([answer.status, answer.body]).toEqual([201, expect.objectContaining({ id: 'files' })])
    await serves('files')
    expect(made.admission('files')).toEqual({ admission: 'admitted', reason: undefined })
    expect(server.challenged()).toBe(1)
    await recorded('files', 1)
    expect((await records('files'))[0]).toMatchObject({
      verdict: 'admit',
      effective: true,
      details: { cause: 'registration', purpose: 'propose' },
    })
  })

  it('is refused when it does not attest, in the words of the audit', async () => {
    const server = await serve('files-debug', DEBUG)
    const { status, type, body } = await post('files-debug', server)
    expect([status, type]).toEqual([403, 'application/problem+json'])
    await recorded('files-debug', 1)
    const [record] = await records('files-debug')
    expect(record).toMatchObject({ verdict: 'deny', effective: true, code: 'evidence.debug' })
    const says = `${record?.reason} (evidence.debug)`
    expect(body).toMatchObject({
      code: 'POLICY_DENIED',
      detail: says,
      violation: { code: 'ATTESTATION_DENIED', reason: says },
    })
    expect(says).toContain('a debuggable environment')
    expect((await ask('GET', '/servers/files-debug')).status).toBe(404)
    expect(server.called()).toBe(0)
  })

  it('is refused when no policy is for it, and when it has no TLS', async () => {
    const none = await post('elsewhere', { url: 'https://localhost:1/mcp' })
    expect([none.status, none.body.detail]).toEqual([403, expect.stringContaining('(policy.none)')])
    const plain = await post('files-plain', { url: 'http://127.0.0.1:1/mcp' })
    expect(plain.status).toBe(403)
    expect(plain.body.detail).toContain('(policy.transport)')
  })

  it('is judged by a dry run, and nothing of that is remembered', async () => {
    const bad = await serve('files-try', DEBUG)
    const refused = await post('files-try', bad, '?dryRun=true')
    expect(refused.status).toBe(403)
    expect(refused.body.detail).toContain('(evidence.debug)')
    bad.attestWith(snpSource(chip))
    expect((await post('files-try', bad, '?dryRun=true')).status).toBe(200)
    expect((await ask('GET', '/servers/files-try')).status).toBe(404)
    await recorded('files-try', 2)
    expect(await records('files-try')).toMatchObject([
      { verdict: 'deny', effective: false, details: { purpose: 'try' } },
      { verdict: 'admit', effective: false, details: { purpose: 'try' } },
    ])
    // other hardware under the name is no drift: nothing was admitted
    const other = makeChip({ product: 'Milan', beside: chip, hwid: Buffer.alloc(64, 9) })
    bad.attestWith(snpSource(other))
    expect((await post('files-try', bad)).status).toBe(201)
    await serves('files-try')
  })

  it('keeps its old address when the new one does not attest, and moves to one that does', async () => {
    const old = await serve('files-moving', snpSource(chip))
    expect((await post('files-moving', old)).status).toBe(201)
    await serves('files-moving')
    const bad = await serve('files-moving', NOTHING)
    const refused = await ask('PATCH', '/servers/files-moving', { body: { url: bad.url } })
    expect([refused.status, refused.body.code]).toEqual([403, 'POLICY_DENIED'])
    expect(refused.body.detail).toContain('(evidence.missing)')
    const before = old.called()
    expect((await made.call('files-moving')).ok).toBe(true)
    expect([old.called(), bad.called()]).toEqual([before + 1, 0])
    expect(made.admission('files-moving').admission).toBe('admitted')

    const good = await serve('files-moving', snpSource(chip))
    const moved = await ask('PATCH', '/servers/files-moving', { body: { url: good.url } })
    expect(moved.status).toBe(200)
    await expect
      .poll(async () => (await made.call('files-moving')).ok && good.called(), { timeout: 10_000 })
      .toBeGreaterThan(0)
  })

  it('is kept out by another plugin at the admission, with the reason of that one', async () => {
    const server = await serve('files-late', snpSource(chip))
    expect((await post('files-late', server)).status).toBe(201)
    await expect.poll(() => isThere('files-late'), { timeout: 10_000 }).toBe(true)
    await made.until('files-late', 'quarantined')
    expect(made.admission('files-late').reason).toContain('not after ten (CURFEW)')
    const { ok, text } = await made.call('files-late')
    expect([ok, text.includes('UPSTREAM_QUARANTINED')]).toEqual([false, true])
    expect(server.called()).toBe(0)
  })

  const isThere = (name: string) => made.gateway.gateway.state().servers.has(name)
})
