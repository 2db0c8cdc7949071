// Killed in the middle of a write: what was acknowledged is there, what was not is there whole or not at all.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../support/directory.ts'
import { node, nodeFlags } from '../support/paths.ts'

const WRITER = `${import.meta.dirname}/crash-writer.ts`

/** Writes until so many are acknowledged and dies at once. The last that was acknowledged. */
async function killedAfter(file: string, writes: number): Promise<number> {
  const child = spawn(node, [...nodeFlags, WRITER, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  let last = -1
  lines.on('line', (line) => {
    last = Number(line)
    if (last >= writes) child.kill('SIGKILL')
  })
  await Promise.all([once(child, 'exit'), once(lines, 'close')])
  return last
}

it.each([1, 17, 40])(
  'after %d acknowledged writes nothing is lost and nothing is half written',
  async (writes) => {
    await using directory = await temporaryDirectory()
    const file = `${directory.path}/store.db`
    const last = await killedAfter(file, writes)
    expect(last).toBeGreaterThanOrEqual(writes)
    const store = createStore({ url: `sqlite:${file}`, pool: 1 }, { clock: systemClock })
    await store.start()
    try {
      const roles = await store.list({ kind: 'role', limit: 10_000 })
      const revision = await store.revision()
      const changes = await store.changes(0, 10_000)
      expect(roles.length).toBeGreaterThan(last)
      // each commit is an entity, its change and the answer to the request that made it
      expect([revision, changes.map((change) => change.revision)]).toEqual([
        roles.length,
        roles.map((_, index) => index + 1),
      ])
      for (let n = 0; n < roles.length + 2; n++) {
        const [entity, answer] = [
          await store.get('role', `r-${n}`),
          await store.remembered(`k-${n}`),
        ]
        expect([n, entity !== undefined, answer !== undefined]).toEqual([
          n,
          n < roles.length,
          n < roles.length,
        ])
      }
    } finally {
      await store.close()
    }
  },
)
