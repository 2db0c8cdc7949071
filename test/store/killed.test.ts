// What is left when a process is killed in the middle of its commits: all that it was told is done, and nothing half.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createStore } from '../../src/store/open.ts'
import { makeSchema, noPostgres } from './postgres.ts'

/** How many of its commits were acknowledged when it was killed, at least `after`. */
async function killInTheMiddle(url: string, name: string, after: number): Promise<number> {
  const child = fork(join(import.meta.dirname, 'committer.ts'), [url, name])
  let acknowledged = 0
  const ended = once(child, 'exit')
  child.on('message', (n: number) => {
    acknowledged = n
    if (n >= after) child.kill('SIGKILL')
  })
  const [, signal] = await ended
  expect(signal).toBe('SIGKILL')
  return acknowledged
}

/** `settled`: whoever does the commits is done with the last that it was given. */
async function losesNothing(url: string, settled = async () => {}): Promise<void> {
  const first = await killInTheMiddle(url, 'first', 25)
  // two at once, so that one dies while the other waits for it
  const [left, right] = await Promise.all([
    killInTheMiddle(url, 'left', 40),
    killInTheMiddle(url, 'right', 40),
  ])
  await settled()
  const store = createStore({ url, pool: 2 }, { clock: systemClock })
  try {
    let commits = 0
    for (const [name, told] of Object.entries({ first, left, right })) {
      const { version = 0 } = (await store.get('half', name)) ?? {}
      // the one under way may be there, or not
      expect([told, told + 1]).toContain(version)
      const halves = await store.list({ kind: 'half', prefix: `${name}-`, limit: 1000 })
      const whole = Array.from({ length: version }, (_, n) => [
        `${name}-${n + 1}-a`,
        `${name}-${n + 1}-b`,
      ])
      expect(halves.map(({ id }) => id)).toEqual(whole.flat().sort())
      expect(await store.remembered(`${name}-${version}`)).toBeDefined()
      expect(await store.remembered(`${name}-${version + 1}`)).toBeUndefined()
      commits += version
    }
    expect(await store.revision()).toBe(commits)
    const changes = await store.changes(0, 10_000)
    expect(changes.map(({ revision }) => revision)).toEqual(
      Array.from({ length: commits * 3 }, (_, n) => Math.floor(n / 3) + 1),
    )
  } finally {
    await store.close()
  }
}

describe('kill -9 in the middle of commits to SQLite', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'store-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('loses no commit that was acknowledged and leaves none half written', async () => {
    const path = join(folder, 'portcullis.db')
    await losesNothing(`sqlite:${path}`)
    const db = new DatabaseSync(path, { readOnly: true })
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    db.close()
  })
})

describe.skipIf(noPostgres)('kill -9 in the middle of commits to PostgreSQL', () => {
  it('loses no commit that was acknowledged and leaves none half written', async () => {
    const schema = await makeSchema()
    try {
      const url = new URL(schema.url)
      url.searchParams.set('application_name', 'committer')
      const sessions = () =>
        schema.query(
          "select pid from pg_stat_activity where application_name = 'committer' and datname = current_database()",
        )
      await losesNothing(url.href, () => expect.poll(sessions, { timeout: 10_000 }).toEqual([]))
    } finally {
      await schema.drop()
    }
  })
})
