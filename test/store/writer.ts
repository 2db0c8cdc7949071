// A process with the store open that appends what it is told to: for tests that kill it or take its disk away.
import { systemClock } from '../../src/base/clock.ts'
import { createAuditTable } from '../../src/store/sqlite-thread.ts'

const table = createAuditTable(process.argv[2] ?? '', systemClock)

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
