// The gateway that hostile clients are let loose on: tight limits, a server that can hang, and no rejection unhandled.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { echo, type Recorder, startRecorder } from '../gateway/recorder.ts'
import { runGateway, type Started, server } from '../gateway/running.ts'
import { openSession, rpc } from '../support/rpc.ts'

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

/** What must hold after everything a file did: its last tests. */
export function afterwards(started: Prey): void {
  it('after all this nobody holds the generation any more', async () => {
    const { runtime } = started.gateway.gateway.state()
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('still held')), 8000))
    await Promise.race([runtime.drained(), late])
  })

  it('no secret of any of these requests is in the log', async () => {
    const secrets = { authorization: 'Bearer s3cret-token', cookie: 'a=s3cret-cookie' }
    const { headers } = await openSession(started.gateway.url)
    await rpc(started.gateway.url, '{"s3cret-body":', { ...headers, ...secrets })
    await rpc(
      started.gateway.url,
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 's3cret-name', arguments: { a: 's3cret-arg' } },
      },
      { ...headers, ...secrets },
    )
    expect(started.gateway.logged()).not.toMatch(/s3cret/)
    expect(started.gateway.logged()).not.toContain(headers['mcp-session-id'])
  })
}
