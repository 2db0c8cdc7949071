// The gateway in a process that watches its own event loop: on request it reloads, or only waits, and says how long the loop stood still.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { createGateway } from 'portcullis'
import { serve } from '../load/host.ts'

/** Milliseconds: finer than what is looked for. */
const RESOLUTION = 1
/** What a reload leaves for later is still seen. */
const AFTER = 100

const { config } = JSON.parse(process.argv[2] ?? '{}') as { config: string }
const gateway = await createGateway({ configFile: config })
const delay = monitorEventLoopDelay({ resolution: RESOLUTION })

async function watched(work: () => Promise<unknown>): Promise<object> {
  const turns = watchTurns()
  delay.enable()
  await sleep(20)
  delay.reset()
  const begun = performance.now()
  const result = await work()
  const ms = performance.now() - begun
  await sleep(AFTER)
  delay.disable()
  return { turn: turns.stop(), stall: delay.max / 1e6, ms, result }
}

/**
 * The longest turn of the loop in milliseconds: elapsed, or CPU time of the process where that is less, because what others take
 * of the core is no stall of ours. The CPU time has other threads in it, so this is never too little.
 */
function watchTurns(): { stop(): number } {
  let longest = 0
  let last = now()
  let immediate = setImmediate(function turn() {
    const { at, cpu } = now()
    longest = Math.max(longest, Math.min(at - last.at, cpu - last.cpu))
    last = { at, cpu }
    immediate = setImmediate(turn)
  })
  return {
    stop() {
      clearImmediate(immediate)
      return longest
    },
  }
}

function now(): { readonly at: number; readonly cpu: number } {
  const { user, system } = process.cpuUsage()
  return { at: performance.now(), cpu: (user + system) / 1000 }
}

const works: Readonly<Record<string, () => Promise<unknown>>> = {
  '/reload': () => gateway.reload(),
  '/wait': () => sleep(300),
}
const app = express()
app.use('/mcp', gateway.mcp())
for (const [path, work] of Object.entries(works))
  app.get(path, async (_, response) => response.end(JSON.stringify(await watched(work))))
serve(app, () => gateway.close())
