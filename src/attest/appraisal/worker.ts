// The thread of the appraisal: answers each question by the pure functions of this room; it keeps nothing between two of them.
import { parentPort } from 'node:worker_threads'
import { activationsOf } from './activations.ts'
import { appraise } from './appraise.ts'
import { APPRAISING } from './appraising.ts'
import { needsOf } from './needs.ts'
import type { ThreadAnswer, ThreadQuestion } from './thread.ts'

function answer({ ask, request }: ThreadQuestion): ThreadAnswer {
  if (ask === 'needs') return { needs: needsOf(request, APPRAISING) }
  if (ask === 'activations') return { activations: activationsOf(request, APPRAISING) }
  return { result: appraise(request, APPRAISING) }
}

parentPort?.on('message', (question: ThreadQuestion) => {
  parentPort?.postMessage(answer(question))
})
parentPort?.postMessage({ ready: true } satisfies ThreadAnswer)
