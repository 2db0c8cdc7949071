// The gateway mounted in an Express application, exactly as docs/library.md shows it, as a process of its own.
import express from 'express'
import { createGateway } from 'portcullis'
import { serve } from './host.ts'

const { config } = JSON.parse(process.argv[2] ?? '{}') as { config: string }
const gateway = await createGateway({ configFile: config })
const app = express()
app.use('/mcp', gateway.mcp())
app.use('/gateway', gateway.admin())
serve(app, () => gateway.close())
