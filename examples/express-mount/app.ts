// An Express application that has other things to do, with the gateway mounted in it twice.
import { join } from 'node:path'
import express, { type Express } from 'express'
import { createGateway } from 'portcullis'

export async function createApp(): Promise<{ app: Express; close(): Promise<void> }> {
  const gateway = await createGateway({ configFile: join(import.meta.dirname, 'gateway.yaml') })
  const app = express()

  app.get('/hello', (_request, response) => {
    response.send('the application itself')
  })

  // plain: the gateway reads the bytes of the body itself, and refuses an object with the same member twice
  app.use('/mcp', gateway.mcp())

  // behind a parser that was there before: the gateway takes what the parser made
  app.use(express.json({ limit: '4mb' }))
  app.use('/api/mcp', gateway.mcp())

  // /gateway/healthz, /gateway/readyz, /gateway/metrics: behind whatever protects your operators' pages
  app.use('/gateway', gateway.admin())

  return { app, close: () => gateway.close() }
}
