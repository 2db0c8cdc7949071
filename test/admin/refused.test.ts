// Who was not let in, and who may not do what he asked for, stands in the audit; no credential does.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { startGateway } from '../../src/app.ts'
import { systemClock } from '../../src/base/clock.ts'
import { hashKey, mintKey } from '../../src/identity/api-key.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { LISTEN, memoryLog } from '../gateway/running.ts'
import { temporaryDirectory } from '../support/directory.ts'

const { key } = mintKey('viewing')

async function startAudited(path: string) {
  const config = {
    version: 1,
    ...LISTEN,
    admin: { port: 0, api: true },
    audit: { sinks: [{ type: 'file', path }] },
    store: { keys: [Buffer.alloc(32, 1).toString('base64')] },
    identity: {
      api_keys: true,
      keys: [{ id: 'viewing', hash: hashKey(key), principal: 'vera', roles: ['viewer'] }],
    },
  }
  const store = createMemoryStore({ clock: systemClock })
  return startGateway({ config, log: memoryLog(), store, onFirstToken() {} })
}

it('an attempt with a wrong key and one without the right are recorded; what waits is not, and no key is', async () => {
  await using directory = await temporaryDirectory()
  const path = `${directory.path}/audit.jsonl`
  const running = await startAudited(path)
  const ask = (token: string, init: RequestInit = {}) =>
    fetch(`${running.adminUrl}/api/v1/keys/eve%0a`, {
      ...init,
      headers: { authorization: `Bearer ${token}` },
    })
  const wrong = mintKey('viewing').key
  const statuses: number[] = []
  for (let count = 0; count < 20; count++) statuses.push((await ask(wrong)).status)
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(401))
  expect(statuses).toContain(429)
  const denied = await fetch(`${running.adminUrl}/api/v1/keys/eve`, {
    headers: { authorization: `Bearer ${key}` },
  })
  expect(denied.status).toBe(403)
  await running.stop({ now: true })
  const written = await readFile(path, 'utf8')
  const records = written
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const failed = records.filter(({ kind }) => kind === 'login_failed')
  expect(failed).toHaveLength(statuses.filter((status) => status === 401).length)
  expect(failed[0]).toMatchObject({
    code: 'AUTH_INVALID',
    reason: 'the API key is not valid',
    method: 'admin/getKey',
    details: { address: expect.stringMatching(/127\.0\.0\.1$/) },
  })
  expect(records.filter(({ kind }) => kind === 'decision')).toEqual([
    expect.objectContaining({
      principal: expect.objectContaining({ id: 'vera' }),
      action: 'api:key.read',
      target: 'eve',
      verdict: 'deny',
    }),
  ])
  for (const secret of [wrong, key]) expect(written).not.toContain(secret.slice(12))
})

it('two Host headers are refused: whoever stands in front may have read the other one', async () => {
  await using directory = await temporaryDirectory()
  const running = await startAudited(`${directory.path}/audit.jsonl`)
  const { hostname, port } = new URL(running.adminUrl)
  const socket = connect(Number(port), hostname)
  socket.write(
    `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
  )
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /)
  await running.stop({ now: true })
})
