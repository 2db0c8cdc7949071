// The moment of a reload itself (P20): one reference changes hands, between whole assemblies of fifty plugins made by the real rooms.
import { readConfig } from '../../src/app/gateway.ts'
import { putInForce } from '../../src/app/generation/in-force.ts'
import { type Current, createRooms, runningOf } from '../../src/app/rooms.ts'
import { configLoader } from '../../src/app/sections.ts'
import { systemClock } from '../../src/base/clock.ts'
import { createDisposer } from '../../src/base/dispose.ts'
import { silentLogger } from '../../src/base/log.ts'
import { diffConfig } from '../../src/config/diff.ts'
import type { Trial } from '../case.ts'
import { cpuTime } from '../cpu.ts'

const TIMES = 10_000

/** Milliseconds of one swap between the configuration as it is and as it is after `change`. */
export async function openSwap(
  name: string,
  configFile: string,
  change: () => void,
): Promise<{ trial: Trial; close(): Promise<void> }> {
  const owned = createDisposer()
  const options = { configFile }
  const read = () => readConfig(configLoader(), options)
  const loaded = await read()
  const current: Current = { assembly: undefined }
  try {
    const { config } = loaded
    const stdout = { carries: 'the report' }
    const deps = { options, config, clock: systemClock, log: silentLogger, current, owned, stdout }
    const rooms = await createRooms(deps)
    const first = await rooms.build(loaded, undefined)
    owned.defer(() => first.plugins.close())
    for (const { upstream } of first.servers.values()) owned.defer(() => upstream.close())
    current.assembly = first
    change()
    const second = await rooms.build(await read(), first)
    owned.defer(() => second.plugins.close())
    const diff = diffConfig(first.loaded, second.loaded)
    const trial = async () => {
      const before = cpuTime()
      for (let i = 0; i < TIMES; i += 2) {
        putInForce(current, second, diff, rooms)
        putInForce(current, first, diff, rooms)
      }
      const cost = (cpuTime() - before) / TIMES / 1e6
      if (runningOf(current) !== first) throw new Error(`${name}: nothing was swapped`)
      return { times: TIMES, cost, seen: {}, others: 0 }
    }
    return { trial: { name, trial }, close: () => owned.dispose() }
  } catch (error) {
    await owned.dispose()
    throw error
  }
}
