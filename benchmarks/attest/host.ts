// The gateway in a process that watches its own event loop: on request it has a server attested again and again, or only waits.
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { createGateway } from 'portcullis'
import { serve } from '../load/host.ts'
import { watched } from '../load/turns.ts'

const { config, server } = JSON.parse(process.argv[2] ?? '{}') as {
  config: string
  server: string
}
const gateway = await createGateway({ configFile: config })
const SECOND = 1000

/** How many of them were made; the first that does not admit ends it. */
async function attesting(perSecond: number): Promise<number> {
  const until = performance.now() + SECOND
  let made = 0
  while (performance.now() < until) {
    const { admission } = (await gateway.attestation.attest(server, { newHardware: false })) as {
      admission: string
    }
    if (admission !== 'admitted') throw new Error(`${server} is ${admission}`)
    made++
    await sleep(SECOND / perSecond)
  }
  return made
}

const works: Readonly<Record<string, () => Promise<number>>> = {
  '/attest': () => attesting(10),
  '/wait': () => sleep(SECOND, 0),
}
// the appraisals are in a thread of their own: what it takes is no turn of this one
const ownCpu = () => process.threadCpuUsage()
const app = express()
app.use('/mcp', gateway.mcp())
for (const [path, work] of Object.entries(works))
  app.get(path, async (_, response) => response.end(JSON.stringify(await watched(work, ownCpu))))
serve(app, () => gateway.close())
