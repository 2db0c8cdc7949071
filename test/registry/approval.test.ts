// Changes that need a second person: kept as they were asked for, decided by somebody else, judged on what is then there.
import { expect, it } from 'vitest'
import type { JsonObject } from '../../src/base/json.ts'
import { deny } from '../../src/plugin.ts'
import type { WriteOutcome, WriteRequest } from '../../src/registry/registry.ts'
import { ALICE, type Bench, BOB, bench, by } from './bench.ts'

const SERVER: WriteRequest = {
  op: 'create',
  kind: 'server',
  body: { name: 'files', url: 'https://a.example.com/mcp', headers: { 'X-Key': 'hush-hush' } },
}
type Pending = Extract<WriteOutcome, { outcome: 'pending' }>

async function proposed(b: Bench, request = SERVER, context = by()): Promise<string> {
  const outcome = await b.registry.write(request, context)
  expect(outcome.outcome).toBe('pending')
  return (outcome as Pending).change.id
}
const decide = (id: string, state: string): WriteRequest => ({
  op: 'merge',
  kind: 'change',
  id,
  patch: { state } as JsonObject,
})
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error) => error.code,
  )

it('a change is written when somebody else approves it, in one commit with the decision', async () => {
  const b = bench({ approval: ['server'] })
  const id = await proposed(b)
  expect(await b.store.get('server', 'files')).toBeUndefined()
  expect(b.points()).toEqual(['server_pre_register'])
  const outcome = await b.registry.write(decide(id, 'approved'), by(BOB))
  expect(outcome).toMatchObject({
    outcome: 'written',
    entity: { kind: 'change', body: { state: 'approved', author: 'alice', decided_by: 'bob' } },
    revision: 2,
  })
  expect(b.points()).toEqual(['server_pre_register', 'server_post_register'])
  expect((await b.registry.get('server', 'files', ALICE)).version).toBe(1)
  expect(b.events.at(-1)).toMatchObject({ outcome: 'written', author: 'alice', principal: BOB })
})

it('its author can decide nothing, and nobody decides twice', async () => {
  const b = bench({ approval: ['server'] })
  const id = await proposed(b)
  expect(await codeOf(b.registry.write(decide(id, 'approved'), by(ALICE)))).toBe('AUTH_DENIED')
  expect((await b.registry.write(decide(id, 'refused'), by(BOB))).outcome).toBe('written')
  expect(await codeOf(b.registry.write(decide(id, 'approved'), by(BOB)))).toBe('REGISTRY_INVALID')
  expect(await b.store.get('server', 'files')).toBeUndefined()
})

it('two who decide at once: one does', async () => {
  const b = bench({ approval: ['server'] })
  const id = await proposed(b)
  const ends = await Promise.allSettled([
    b.registry.write(decide(id, 'approved'), by(BOB)),
    b.registry.write(decide(id, 'refused'), by(BOB)),
  ])
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const { body } = await b.registry.get('change', id, ALICE)
  expect((await b.store.get('server', 'files')) !== undefined).toBe(body.state === 'approved')
})

it('a veto at the approval leaves it pending', async () => {
  let refuse = false
  const hooks = {
    server_pre_register: () => (refuse ? deny({ code: 'NO', reason: 'no' }) : undefined),
  }
  const b = bench({ approval: ['server'], hooks })
  const id = await proposed(b)
  refuse = true
  expect((await b.registry.write(decide(id, 'approved'), by(BOB))).outcome).toBe('vetoed')
  expect((await b.registry.get('change', id, ALICE)).body.state).toBe('pending')
})

it('what the author has seen is checked again: a change of another version is refused', async () => {
  const needed: 'server'[] = []
  const b = bench({ deps: { needsApproval: (kind) => needed.includes(kind as 'server') } })
  await b.registry.write(SERVER, by())
  needed.push('server')
  const patch: WriteRequest = {
    op: 'merge',
    kind: 'server',
    id: 'files',
    patch: { tags: ['late'] },
  }
  const id = await proposed(b, patch, by(ALICE, { expect: 1 }))
  needed.pop()
  await b.registry.write({ ...patch, patch: { tags: ['first'] } }, by())
  expect(await codeOf(b.registry.write(decide(id, 'approved'), by(BOB)))).toBe(
    'REGISTRY_PRECONDITION',
  )
})

it('holds no secret that can be read', async () => {
  const b = bench({ approval: ['server'] })
  const id = await proposed(b)
  expect(JSON.stringify(await b.registry.get('change', id, BOB))).not.toContain('hush-hush')
  expect(JSON.stringify(await b.store.get('change', id))).not.toContain('hush-hush')
  await b.registry.write(decide(id, 'approved'), by(BOB))
  expect(JSON.stringify(await b.store.get('server', 'files'))).not.toContain('hush-hush')
})

it('what is approved is what was shown: a merge into what has changed meanwhile is none of it', async () => {
  const b = bench({ approval: ['server'] })
  await b.registry.write(decide(await proposed(b), 'approved'), by(BOB))
  const merge = (patch: JsonObject): WriteRequest => ({
    op: 'merge',
    kind: 'server',
    id: 'files',
    patch,
  })
  const one = await proposed(b, merge({ tags: ['a'] }))
  const other = await proposed(b, merge({ environment: 'prod' }))
  expect((await b.registry.write(decide(one, 'approved'), by(BOB))).outcome).toBe('written')
  expect(await codeOf(b.registry.write(decide(other, 'approved'), by(BOB)))).toBe(
    'REGISTRY_PRECONDITION',
  )
  expect((await b.registry.get('server', 'files', ALICE)).body.environment).toBeUndefined()
})
