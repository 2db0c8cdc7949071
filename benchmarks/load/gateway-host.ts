// The gateway mounted in an Express application, exactly as docs/library.md shows it, as a process of its own.
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createGateway } from 'portcullis'

const { config } = JSON.parse(process.argv[2] ?? '{}') as { config: string }
const gateway = await createGateway({ configFile: config })
const app = express()
app.use('/mcp', gateway.mcp())
app.use('/gateway', gateway.admin())
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})
process.once('SIGTERM', async () => {
  server.close()
  await gateway.close()
  process.exit(0)
})
