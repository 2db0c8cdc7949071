// A thread for tests that does what it is told by the id of the server: never answers, dies, or answers.
import { parentPort } from 'node:worker_threads'
import type { ThreadQuestion } from '../../../src/attest/appraisal/thread.ts'

parentPort?.on('message', ({ request }: ThreadQuestion) => {
  const { id } = request.server
  if (id === 'runs away') for (;;);
  if (id === 'dies') process.exit(3)
  if (id === 'throws') throw new RangeError('secret payload')
  parentPort?.postMessage({ needs: { needs: [] } })
})
parentPort?.postMessage({ ready: true })
