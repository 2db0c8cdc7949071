// The gateway that hostile clients are let loose on: tight limits, a server that can hang, and no rejection unhandled.
import { afterAll, beforeAll, expect } from 'vitest'
import { echo, type Recorder, startRecorder } from '../gateway/recorder.ts'
import { runGateway, type Started, server } from '../gateway/running.ts'

/** Started before the tests of the file that calls this, stopped after them. */
export interface Prey {
  gateway: Started
  recorder: Recorder
}

export function prey(): Prey {
  const started = {} as Prey
  const rejections: unknown[] = []
  const note = (reason: unknown) => void rejections.push(reason)
  beforeAll(async () => {
    process.on('unhandledRejection', note)
    started.recorder = await startRecorder({
      tools: ['echo', 'hang'],
      call: (received, answers) =>
        received.message.params?.name === 'hang' ? undefined : echo(received, answers),
    })
    const limits = {
      body: '64KiB',
      depth: 32,
      header_timeout: '1s',
      request_timeout: '3s',
      sessions: 200,
      streams_per_session: 2,
    }
    started.gateway = await runGateway({ servers: [server('rec', started.recorder.url)], limits })
  })
  afterAll(async () => {
    await started.gateway?.stop({ now: true })
    await started.recorder?.close()
    process.off('unhandledRejection', note)
    expect(rejections).toEqual([])
  })
  return started
}

export const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
