// A process that commits to the store at a URL until it is killed, and says after each commit that it is done: for tests that kill it.
import { systemClock } from '../../src/base/clock.ts'
import { isAppError } from '../../src/base/errors.ts'
import { createStore } from '../../src/store/open.ts'
import type { StoreWrite } from '../../src/store/store.ts'

const [url = '', name = ''] = process.argv.slice(2)
const store = createStore({ url, pool: 2 }, { clock: systemClock })

const put = (id: string, expect: number): StoreWrite => ({
  op: 'put', kind: 'half', id, tenant: undefined, body: { text: 'x'.repeat(2000) }, expect,
}) // biome-ignore format: one row

async function commit(n: number): Promise<void> {
  const id = `${name}-${n}`
  try {
    await store.commit({
      // the two halves, and one that every commit changes
      writes: [put(`${id}-a`, 0), put(`${id}-b`, 0), put(name, n - 1)],
      by: 'ada',
      requestId: id,
      remember: { key: id, digest: 'd', answer: {} },
    })
  } catch (error) {
    // on a busy machine the other process may hold the lock for longer than is waited for
    if (!isAppError(error, 'STORE_UNAVAILABLE')) throw error
    if ((await store.remembered(id)) === undefined) await commit(n)
  }
}

for (let n = 1; ; n++) {
  await commit(n)
  process.send?.(n)
}
