// What a legacy session is given when it is opened.
import { describe, expect, it } from 'vitest'
import { listen } from '../../src/app/serve.ts'
import { createGateway } from '../../src/app.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createHttpServer } from '../../src/gateway/http.ts'
import { definePlugin, deny } from '../../src/plugin.ts'

const labeller = definePlugin({
  id: 'labeller',
  setup: () => ({
    hooks: {
      session_pre_open(_payload, context) {
        context.addLabel('watched', 'session')
      },
      tool_post_list(_payload, context) {
        if (context.labels.has('watched')) return deny({ code: 'WATCHED', reason: 'seen before' })
      },
    },
  }),
})

describe('a legacy session', () => {
  it('keeps the labels of scope session that its opening earned', async () => {
    const gateway = await createGateway({
      config: {
        version: 1,
        plugins: {
          enabled: true,
          allowed: ['labeller'],
          entries: [{ name: 'l', use: 'labeller' }],
        },
      },
      plugins: [labeller],
      log: silentLogger,
    })
    const server = createHttpServer(gateway.doors, { headerTimeout: 5000 })
    const { port } = await listen(server, '127.0.0.1', 0, 'the test')
    const post = (body: object, session?: string) =>
      fetch(`http://127.0.0.1:${port}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(session ? { 'mcp-session-id': session } : {}),
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      })
    try {
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 't', version: '1' },
      }
      const opened = await post({ id: 1, method: 'initialize', params })
      const session = opened.headers.get('mcp-session-id') ?? ''
      const listed = await (await post({ id: 2, method: 'tools/list' }, session)).json()
      expect(listed).toMatchObject({ id: 2, error: { code: -31001, data: { code: 'WATCHED' } } })
    } finally {
      server.closeAllConnections()
      server.close()
      await gateway.close()
    }
  })
})
