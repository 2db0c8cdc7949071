// A process with the store open that appends what it is told to: for tests that kill it or take its disk away.
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'

const [, , path = '', key] = process.argv
const table = createAuditTable({ path, clock: systemClock, log: silentLogger, key })

process.on('message', async ({ from, to }: { from: number; to: number }) => {
  const records = Array.from({ length: to - from + 1 }, (_, index) => ({
    time: 0,
    seq: from + index,
    kind: 'refusal' as const,
    reason: 'x'.repeat(500),
  }))
  process.send?.(
    await table.append(records).then(
      () => '',
      (error) => `${error.code} ${error.message}`,
    ),
  )
})
