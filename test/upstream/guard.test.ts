// Nothing survives the gateway: the guard and the kill ladder, with real processes.

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createProcessGuard } from '../../src/upstream/stdio/guard.ts'
import {
  minimalEnvironment,
  type ServerProcess,
  spawnServer,
} from '../../src/upstream/stdio/process.ts'
import { alive, eventually, stdioOptions } from './support.ts'

const FIXTURES = new URL('../fixtures/upstream/', import.meta.url).pathname
const started: number[] = []

afterEach(() => {
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {}
  }
})

async function owner(): Promise<{ child: ChildProcess; pids: number[] }> {
  const child = spawn(process.execPath, [`${FIXTURES}owner.ts`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pids: number[] = []
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (line === 'ready') break
    pids.push(Number(line))
  }
  // all that runs in the groups of the servers: shells before them, children behind them
  const groups = new Set(pids.map(groupOf))
  const members = processes().filter((pid) => groups.has(groupOf(pid)))
  if (child.pid !== undefined) started.push(child.pid)
  started.push(...members)
  return { child, pids: members }
}

const processes = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const groupOf = (pid: number) => statOf(pid, 2)
const parentOf = (pid: number) => statOf(pid, 1)

function statOf(pid: number, field: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field])
  } catch {
    return undefined
  }
}

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'no server survives a gateway that dies by %s, whatever it ignores',
  async (signal) => {
    const { child, pids } = await owner()
    // two servers, one with a child, one behind a shell
    expect(pids).toHaveLength(6)
    expect(pids.filter(alive)).toEqual(pids)
    child.kill(signal)
    await eventually(() => expect(pids.filter(alive)).toEqual([]), 6000)
  },
)

it('a guard that is killed is replaced, and the new one knows all servers', async () => {
  const { child, pids } = await owner()
  const guards = () =>
    processes().filter((pid) => parentOf(pid) === child.pid && !pids.includes(pid))
  const [first = 0] = guards()
  process.kill(first, 'SIGKILL')
  await eventually(() => {
    const [second] = guards()
    expect(second).toBeGreaterThan(0)
    expect(second).not.toBe(first)
  })
  // it is seen as soon as it is forked; a gateway that dies before it is told of the servers, milliseconds later, is another matter
  await sleep(300)
  child.kill('SIGKILL')
  await eventually(() => expect(pids.filter(alive)).toEqual([]), 15_000)
})

it('a closed server takes its whole tree with it, also one that ignores the end of its input and SIGTERM', async () => {
  const guard = createProcessGuard({ clock: systemClock, log: silentLogger })
  let grandchild = 0
  let reason = ''
  const tree = await spawnServer(
    stdioOptions('stubborn-tree.mjs'),
    {
      stdout() {},
      stderr(line) {
        grandchild = Number(line.split(' ')[1])
      },
      exit(why) {
        reason = why
      },
    },
    processDeps(guard),
  )
  await eventually(() => expect(grandchild).toBeGreaterThan(0))
  started.push(tree.pid, grandchild)
  expect([tree.pid, grandchild].every(alive)).toBe(true)
  await tree.close()
  expect([tree.pid, grandchild].filter(alive)).toEqual([])
  expect(reason).toBe('the process was ended by SIGKILL')
  guard.close()
})

it('a server that is killed takes its grandchildren with it', async () => {
  const guard = createProcessGuard({ clock: systemClock, log: silentLogger })
  let grandchild = 0
  let gone = false
  const tree = await spawnServer(
    stdioOptions('stubborn-tree.mjs'),
    {
      stdout() {},
      stderr(line) {
        grandchild = Number(line.split(' ')[1])
      },
      exit() {
        gone = true
      },
    },
    processDeps(guard),
  )
  await eventually(() => expect(grandchild).toBeGreaterThan(0))
  started.push(tree.pid, grandchild)
  process.kill(tree.pid, 'SIGKILL')
  await eventually(() => expect([tree.pid, grandchild].filter(alive)).toEqual([]))
  // the grandchild held the pipe open: the end is reported all the same
  expect(gone).toBe(true)
  guard.close()
})

it('a program that does not exist is UPSTREAM_SPAWN and leaves nothing behind', async () => {
  const guard = createProcessGuard({ clock: systemClock, log: silentLogger })
  const options = { ...stdioOptions('odd-server.mjs'), command: 'no-such-program-anywhere' }
  const listener = { stdout() {}, stderr() {}, exit() {} }
  await expect(spawnServer(options, listener, processDeps(guard))).rejects.toMatchObject({
    code: 'UPSTREAM_SPAWN',
    message: expect.stringContaining('no-such-program-anywhere'),
  })
  guard.close()
})

it('a server sees the minimal environment and what is configured, nothing else of the gateway', () => {
  const host = {
    PATH: '/bin',
    HOME: '/root',
    GITHUB_TOKEN: 'secret',
    NODE_OPTIONS: '--inspect',
    SHELL: '() { :; }',
  }
  expect(minimalEnvironment(host, { API_KEY: 'k', HOME: '/srv' })).toEqual({
    PATH: '/bin',
    HOME: '/srv',
    API_KEY: 'k',
  })
})

it('a server that does not read its input fills a bounded queue, then refuses', async () => {
  const guard = createProcessGuard({ clock: systemClock, log: silentLogger })
  const options = { ...stdioOptions('odd-server.mjs'), command: '/bin/sleep', args: ['30'] }
  const sleeper: ServerProcess = await spawnServer(
    options,
    { stdout() {}, stderr() {}, exit() {} },
    { ...processDeps(guard), queueBytes: 1 << 20 },
  )
  started.push(sleeper.pid)
  const chunk = new Uint8Array(256 * 1024)
  const accepted = Array.from({ length: 12 }, () => sleeper.write(chunk))
  expect(accepted[0]).toBe(true)
  expect(accepted.at(-1)).toBe(false)
  sleeper.kill()
  guard.close()
})

function processDeps(guard: ReturnType<typeof createProcessGuard>) {
  return {
    clock: systemClock,
    guard,
    queueBytes: 1 << 20,
    environment: process.env,
    patience: { input: 150, term: 150, kill: 1000 },
  }
}
