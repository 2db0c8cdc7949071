// The gateway in a process that watches its own event loop: on request it reloads, or only waits, and says how long the loop stood still.
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { createGateway } from 'portcullis'
import { serve } from '../load/host.ts'
import { watched } from '../load/turns.ts'

const { config } = JSON.parse(process.argv[2] ?? '{}') as { config: string }
const gateway = await createGateway({ configFile: config })

const works: Readonly<Record<string, () => Promise<unknown>>> = {
  '/reload': () => gateway.reload(),
  '/wait': () => sleep(300),
}
const app = express()
app.use('/mcp', gateway.mcp())
for (const [path, work] of Object.entries(works))
  app.get(path, async (_, response) => response.end(JSON.stringify(await watched(work))))
serve(app, () => gateway.close())
