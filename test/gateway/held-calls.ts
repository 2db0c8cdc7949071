// A server whose calls the test answers itself, for all tests of a file; what else it is asked, it answers.
import { afterEach, beforeEach } from 'vitest'
import { type Answers, type Received, type Recorder, startRecorder } from './recorder.ts'

export interface HeldCalls {
  recorder: Recorder
  calls: { received: Received; answers: Answers }[]
}

/** Anew for each test. */
export function heldCalls(): HeldCalls {
  const held = { calls: [] } as unknown as HeldCalls
  beforeEach(async () => {
    held.calls = []
    held.recorder = await startRecorder({
      tools: ['work'],
      call(received, answers) {
        if (received.message.method === 'tools/call') held.calls.push({ received, answers })
      },
    })
  })
  afterEach(() => held.recorder.close())
  return held
}
