// Two gateways on one PostgreSQL, as processes of their own: nothing is lost between them, each serves what the other was told, and either may be killed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, textOf } from '../../gateway/peers.ts'
import { echo, type Recorder, startRecorder } from '../../gateway/recorder.ts'
import { makeSchema, noPostgres, type TestSchema } from '../../store/postgres.ts'
import { type Answer, knows, makeSite, type Replica, type Site, summary, until } from './replica.ts'
import { type Acknowledged, writeUntilKilled } from './writers.ts'

const SEED = 20261128
/** Registered on one, served by the other. Milliseconds. */
const SOON = 2000

if (noPostgres)
  console.log(
    'skipped: two gateways on one PostgreSQL: set PORTCULLIS_TEST_POSTGRES to the URL of a server (scripts/postgres.sh starts one)',
  )

describe.skipIf(noPostgres)('two gateways on one PostgreSQL', () => {
  let schema: TestSchema
  let site: Site
  let recorder: Recorder
  let a: Replica
  let b: Replica
  let token = ''
  const acknowledged: Acknowledged[] = []

  beforeAll(async () => {
    schema = await makeSchema()
    await schema.query(`set search_path to ${schema.name}`)
    site = await makeSite(schema.url)
    recorder = await startRecorder({ tools: ['echo'], call: echo })
  })
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
    await recorder?.[Symbol.asyncDispose]()
    await schema?.drop()
  })

  /** A write that is acknowledged, and has to be in the audit for it. */
  async function write(on: Replica, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await on.ask(method, path, { token, body })
    expect([answer.status < 300, answer.body]).toEqual([true, answer.body])
    acknowledged.push({ requestId: answer.requestId })
    return answer
  }

  async function findAll(on: Replica, all: readonly Acknowledged[]): Promise<void> {
    const found = all.map(async ({ path, id }) => {
      if (path === undefined) return
      const { status, body } = await on.ask('GET', `${path}/${id}`, { token })
      expect([id, status, body.version]).toEqual([id, 200, 1])
    })
    await Promise.all(found)
  }

  it('start at the same moment on an empty database, and one of them makes the first token', async () => {
    ;[a, b] = await Promise.all([site.start('a'), site.start('b')])
    const tokens = await site.firstTokens()
    expect(tokens).toHaveLength(1)
    token = tokens[0] as string
    for (const replica of [a, b]) expect((await knows(replica, token)).roles).toEqual(['admin'])
  }, 40_000)

  it('lose no update of many clients that read and write one entity through both', async () => {
    const counter = { url: 'https://hooks.example', events: ['0'] }
    await write(a, 'POST', '/webhooks', { id: 'counter', body: counter })
    const refused = new Map<number, number>()
    let counted = 0
    async function client(replica: Replica, writes: number) {
      for (let done = 0; done < writes; ) {
        const read = await replica.ask('GET', '/webhooks/counter', { token })
        const events = [String(Number(read.body.body.events[0]) + 1)]
        const answer = await replica.ask('PATCH', '/webhooks/counter', {
          token,
          body: { body: { events } },
          headers: { 'if-match': read.etag },
        })
        if (answer.status === 200) {
          acknowledged.push({ requestId: answer.requestId })
          counted++
          done++
        } else refused.set(answer.status, (refused.get(answer.status) ?? 0) + 1)
      }
    }
    await Promise.all([a, b, a, b, a, b].map((replica) => client(replica, 10)))
    const [onA, onB] = await Promise.all(
      [a, b].map(
        async (replica) => (await replica.ask('GET', '/webhooks/counter', { token })).body,
      ),
    )
    expect([counted, onA.body.events, onA.version]).toEqual([60, ['60'], 61])
    expect(onB).toEqual(onA)
    expect([...refused.keys()].filter((status) => status !== 412 && status !== 409)).toEqual([])
    const conflicts = [...refused.values()].reduce((sum, each) => sum + each, 0)
    console.log(
      `replicas: 60 updates of one entity through two gateways, ${conflicts} refused, none lost`,
    )
  })

  it('serve within two seconds what was registered with the other, and no longer what was removed', async () => {
    const other = await connect('modern', b.url, { headers: { authorization: `Bearer ${token}` } })
    const names = async () => {
      const { response } = await other.request('tools/list')
      return ((response?.result?.tools ?? []) as { name: string }[]).map(({ name }) => name)
    }
    const added: number[] = []
    const removed: number[] = []
    for (let round = 0; round < 5; round++) {
      const tool = `dyn${round}__echo`
      const began = performance.now()
      await write(a, 'POST', '/servers', { body: { name: `dyn${round}`, url: recorder.url } })
      added.push(await until(began, async () => (await names()).includes(tool)))
      expect(textOf(await other.call(tool, { round }))).toContain(String(round))
      const left = performance.now()
      await write(a, 'DELETE', `/servers/dyn${round}`)
      removed.push(await until(left, async () => !(await names()).includes(tool)))
      expect((await other.call(tool)).error).toBeDefined()
    }
    console.log(`replicas: a server registered on one is listed by the other: ${summary(added)}`)
    console.log(`replicas: a server removed on one is gone on the other: ${summary(removed)}`)
    expect(Math.max(...added, ...removed)).toBeLessThan(SOON)
  }, 30_000)

  it('have a changed role and a revoked key in force within two seconds of the other being told', async () => {
    await write(a, 'POST', '/servers', { body: { name: 'rec', url: recorder.url } })
    const denies = (tools: string[]) => ({
      body: { deny: [{ actions: ['mcp:tool.call'], tools }] },
    })
    await write(a, 'POST', '/roles', { id: 'careful', ...denies(['other']) })
    const roles: number[] = []
    const keys: number[] = []
    for (let round = 0; round < 3; round++) {
      const key = await write(a, 'POST', '/keys', {
        id: `guest-${round}`,
        body: { principal: 'guest', roles: ['careful'] },
      })
      const headers = { authorization: `Bearer ${key.body.once.key}` }
      const guest = await connect('modern', b.url, { headers })
      const codeOf = async () => {
        const { status, response } = await guest.request('tools/call', {
          name: 'rec__echo',
          arguments: {},
        })
        // who was refused often is told to wait, which is a refusal, too
        return status === 401 || status === 429 ? 401 : (response?.error?.code ?? 0)
      }
      const known = performance.now()
      keys.push(await until(known, async () => (await codeOf()) === 0))
      for (const [tools, code] of [
        [['echo'], -31001],
        [['other'], 0],
      ] as const) {
        const began = performance.now()
        await write(a, 'PUT', '/roles/careful', denies([...tools]))
        roles.push(await until(began, async () => (await codeOf()) === code))
      }
      const began = performance.now()
      await write(a, 'PATCH', `/keys/guest-${round}`, { body: { revoked: true } })
      keys.push(await until(began, async () => (await codeOf()) === 401))
    }
    console.log(`replicas: a role changed on one decides on the other: ${summary(roles)}`)
    console.log(`replicas: a key made or revoked on one is known on the other: ${summary(keys)}`)
    expect(Math.max(...roles, ...keys)).toBeLessThan(SOON)
  }, 30_000)

  it('lose nothing that was acknowledged when either is killed in the middle of writes', async () => {
    const second = await write(a, 'POST', '/keys', {
      id: 'second',
      body: { principal: 'second', roles: ['admin'] },
    })
    await knows(b, second.body.once.key)
    const tokens = { first: token, second: String(second.body.once.key) }
    let kept = 0
    let unknown = 0
    for (let round = 0; round < 4; round++) {
      const [victim, survivor] = round % 2 === 0 ? [a, b] : [b, a]
      const outcome = await writeUntilKilled({
        round,
        seed: SEED + round,
        tokens,
        victim,
        survivor,
      })
      acknowledged.push(...outcome.acknowledged)
      kept += outcome.acknowledged.length
      unknown += outcome.unknown
      const starting = site.start(round % 2 === 0 ? 'a' : 'b')
      await findAll(survivor, outcome.acknowledged)
      const back = await starting
      if (round % 2 === 0) a = back
      else b = back
      await findAll(back, outcome.acknowledged.slice(-5))
    }
    console.log(
      `replicas: 4 times kill -9 (seed ${SEED}): ${kept} acknowledged writes, all kept; ${unknown} were under way`,
    )
  }, 60_000)

  it('leave a store without half a commit, and an audit that is whole and has all that was acknowledged', async () => {
    const [state] = await schema.query('select revision from store_state')
    const gaps = await schema.query(
      `select n from generate_series(1, ${state?.revision}) n where n not in (select revision from store_changes)`,
    )
    expect(gaps).toEqual([])
    const miscounted = await schema.query(`
      select kind, id, version from store_entities e where version <> (
        select count(*) from store_changes c where c.kind = e.kind and c.id = e.id)`)
    expect(miscounted).toEqual([])
    // an approval and what it approves are one commit
    const halves = await schema.query(`
      select c.id from store_entities c left join store_entities p on p.kind = 'peer' and p.id = c.body::json->>'target'
      where c.kind = 'change' and (c.body::json->>'state' = 'approved') <> (p.id is not null)`)
    expect(halves).toEqual([])
    const recorded = new Set(
      (
        await schema.query(
          "select request_id from audit_records where kind = 'write' and outcome in ('written', 'pending', 'repeated')",
        )
      ).map(({ request_id }) => request_id),
    )
    const missing = acknowledged.filter(({ requestId }) => !recorded.has(requestId))
    expect(missing).toEqual([])
    const { exit, json } = await site.verify()
    expect(json.problems).toEqual([])
    expect([exit, json.whole, json.chains.length]).toEqual([0, true, 6])
    for (const { signed } of json.chains) expect(signed).toBeGreaterThan(0)
    console.log(
      `replicas: ${acknowledged.length} acknowledged writes, each with its record; ${json.records} records in ${json.chains.length} chains, 4 of them of killed processes, whole`,
    )
  }, 30_000)
})
