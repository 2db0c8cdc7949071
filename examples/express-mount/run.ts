// Starts the application and shows that policies act at both paths, and that the application still answers for itself.
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from '../client.ts'
import { createApp } from './app.ts'

const { app, close } = await createApp()
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

try {
  for (const path of ['/mcp', '/api/mcp']) {
    await using caller = await connect(`${base}${path}`)
    assert(caller.tools.includes('everything__echo'))
    assert.deepEqual(await caller.call('everything__echo', { message: 'hello' }), {
      text: 'Echo: hello',
      isError: false,
    })
    assert.deepEqual(await caller.call('everything__get-env'), {
      text: 'blocked by policy: environment variables may hold secrets (ENVIRONMENT)',
      isError: true,
    })
    console.log(`${path}: one call passed, one was blocked`)
  }
  assert.equal(await (await fetch(`${base}/hello`)).text(), 'the application itself')
  const ready = await fetch(`${base}/gateway/readyz`)
  assert.equal(ready.status, 200)
  console.log('/hello and /gateway/readyz answer')
} finally {
  server.close()
  await close()
}
