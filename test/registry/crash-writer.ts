// A gateway in a process of its own that writes one role after another, and says of each when it is told that it is written.
import { createGateway } from '../../src/app/gateway.ts'
import { silentLogger } from '../../src/base/log.ts'
import { by, person } from './bench.ts'

const [file = ''] = process.argv.slice(2)
const gateway = await createGateway({
  config: {
    version: 1,
    admin: { api: true },
    store: { url: `sqlite:${file}`, keys: [Buffer.alloc(32, 1).toString('base64')] },
  },
  log: silentLogger,
})
for (let n = 0; ; n++) {
  const context = by(person('root', ['admin']), { idempotency: { key: `k-${n}`, digest: 'd' } })
  const body = { allow: [{ actions: ['mcp:*'], servers: ['x'.repeat(2000)] }] }
  await gateway.control?.registry.write({ op: 'create', kind: 'role', id: `r-${n}`, body }, context)
  process.stdout.write(`${n}\n`)
}
