// The database of two gateways stops and comes back: what runs serves on, nothing can be changed meanwhile, and nobody has to help afterwards.
import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Peer, textOf } from '../../gateway/peers.ts'
import { echo, type Recorder, startRecorder } from '../../gateway/recorder.ts'
import { noPostgres } from '../../store/postgres.ts'
import { root } from '../../support/paths.ts'
import { knows, makeSite, type Replica, type Site, until } from './replica.ts'

const SCRIPT = join(root, 'scripts/postgres.sh')
const script = (...args: string[]) => promisify(execFile)(SCRIPT, args)

// one of its own: stopping the one that other tests use would end them, too
const cannotStop = noPostgres || spawnSync(SCRIPT, ['there']).status !== 0
if (cannotStop && !noPostgres)
  console.log('skipped: a PostgreSQL that stops: its programs are not on this machine')

describe.skipIf(cannotStop)('two gateways whose PostgreSQL stops', () => {
  let folder: string
  let url = ''
  let site: Site
  let recorder: Recorder
  let replicas: readonly Replica[] = []
  let peers: readonly Peer[] = []
  let token = ''

  beforeAll(async () => {
    // not in a folder of ours alone: it runs as another user where we are root
    folder = join(tmpdir(), `portcullis-pg-${randomUUID()}`)
    await script('start', folder)
    url = (await readFile(`${folder}/url`, 'utf8')).trim()
    recorder = await startRecorder({ tools: ['echo'], call: echo })
    site = await makeSite(url)
    replicas = await Promise.all([site.start('a'), site.start('b')])
    token = (await site.firstTokens())[0] ?? ''
    for (const replica of replicas) await knows(replica, token)
  }, 60_000)
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]()
    await recorder?.[Symbol.asyncDispose]()
    await script('stop', folder)
  })

  const attempt = (replica: Replica, id: string) =>
    replica.ask('POST', '/clients', { token, body: { id, body: {} } })

  /** Calls through both, one after the other, until it is over. Each has to succeed. */
  function callOn(): { stop(): Promise<number> } {
    let over = false
    let calls = 0
    const calling = peers.map(async (peer) => {
      for (; !over; calls++)
        expect(textOf(await peer.call('rec__echo', { n: calls }))).toContain('"n"')
    })
    return {
      async stop() {
        over = true
        await Promise.all(calling)
        return calls
      },
    }
  }

  const controlOf = async (replica: Replica) => {
    const { status, body } = await replica.ready()
    return [status, body.ready, body.control.store === 'ok', body.audit === 'ok']
  }

  it('go on serving, refuse writes, say so, and recover by themselves', async () => {
    const [a, b] = replicas as [Replica, Replica]
    const made = await a.ask('POST', '/servers', {
      token,
      body: { body: { name: 'rec', url: recorder.url } },
    })
    expect(made.status).toBe(201)
    const headers = { authorization: `Bearer ${token}` }
    peers = await Promise.all(replicas.map((each) => connect('modern', each.url, { headers })))
    const began = performance.now()
    for (const peer of peers)
      await until(began, async () => (await peer.call('rec__echo', { n: 0 })).error === undefined)
    expect(await Promise.all(replicas.map(controlOf))).toEqual(BOTH_FINE)

    const calling = callOn()
    await script('down', folder)
    const stopped = performance.now()
    for (const replica of replicas) {
      const refused = await attempt(replica, 'during')
      expect([refused.status, refused.body.code]).toEqual([503, 'STORE_UNAVAILABLE'])
      expect(JSON.stringify(refused.body)).not.toContain(new URL(url).password)
    }
    const refusedIn = performance.now() - stopped
    for (const replica of replicas)
      await until(stopped, async () => {
        const [status, ready, store, audit] = await controlOf(replica)
        return status === 200 && ready === true && store === false && audit === false
      })
    const toldIn = performance.now() - stopped

    await script('up', folder)
    const back = performance.now()
    let tries = 0
    for (const replica of replicas)
      await until(back, async () => (await attempt(replica, `after-${++tries}`)).status === 201, 20)
    const takenIn = performance.now() - back
    for (const replica of replicas)
      await until(back, async () => (await controlOf(replica)).every((each) => each !== false))
    const fineIn = performance.now() - back
    // what is written after it is seen by the other one again
    const key = await b.ask('POST', '/keys', {
      token,
      body: { id: 'late', body: { principal: 'late' } },
    })
    await knows(a, key.body.once.key)
    expect((await a.ask('GET', '/clients/during', { token })).status).toBe(404)
    const calls = await calling.stop()
    await Promise.all(replicas.map(({ process }) => process.stop()))
    // and the first one of each peer
    expect(await recordedCalls()).toBe(calls + 2)
    const { exit, json } = await site.verify()
    expect([exit, json.problems, json.chains.length]).toEqual([0, [], 2])
    console.log(
      `replicas: PostgreSQL stopped: writes refused in ${ms(refusedIn)}, /readyz says so after ${ms(toldIn)}; started again: writes taken after ${ms(takenIn)}, /readyz fine after ${ms(fineIn)}; ${calls} calls meanwhile, all answered and all in the audit`,
    )
  }, 50_000)

  async function recordedCalls(): Promise<number> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      const { rows } = await client.query(
        "select count(*) as n from audit_records where method = 'tools/call' and outcome = 'ok'",
      )
      return Number(rows[0].n)
    } finally {
      await client.end()
    }
  }
})

const BOTH_FINE = [
  [200, true, true, true],
  [200, true, true, true],
]
const ms = (time: number) => `${Math.round(time)} ms`
