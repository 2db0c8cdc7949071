// The canned server on standard input and output, and the lock that the peers are installed from.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { MARKER } from '../../benchmarks/load/canned.ts'
import { STDIO_SERVER } from '../../benchmarks/peers/table.ts'
import { node } from '../support/paths.ts'

let child: ChildProcess | undefined
afterEach(() => void child?.kill('SIGKILL'))

const call = (id: unknown) =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo' } })}\n`

describe('the server on standard input and output', () => {
  it('answers every request of a chunk, and one that comes in pieces', async () => {
    child = spawn(node, STDIO_SERVER.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface(child.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]()
    const third = call('three')
    child.stdin?.write(
      `${call(1)}{"jsonrpc":"2.0","method":"notifications/initialized"}\n${call(2)}${third.slice(0, 30)}`,
    )
    const next = async () => JSON.parse((await lines.next()).value as string)
    expect(await next()).toMatchObject({
      id: 1,
      result: { content: [{ text: expect.stringContaining(MARKER) }] },
    })
    expect(await next()).toMatchObject({ id: 2 })
    child.stdin?.write(third.slice(30))
    expect(await next()).toMatchObject({ id: 'three' })
    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})

describe('the peers', () => {
  const read = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../benchmarks/peers/${name}`, import.meta.url), 'utf8'))

  it('are pinned exactly, and locked with their digests', () => {
    const { dependencies } = read('package.json') as { dependencies: Record<string, string> }
    const { packages } = read('package-lock.json') as {
      packages: Record<string, { version: string; integrity?: string; link?: boolean }>
    }
    for (const [name, version] of Object.entries(dependencies)) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/)
      expect(packages[`node_modules/${name}`]?.version).toBe(version)
    }
    const open = Object.entries(packages).filter(
      ([path, { integrity }]) => path !== '' && !integrity,
    )
    expect(open.map(([path]) => path)).toEqual([])
  })
})
