// What a start loads: nothing that this configuration does not need, each package with the feature that asks for it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { bin, node, nodeFlags } from '../support/paths.ts'
import { startProcess } from '../support/process.ts'
import { temporaryFolder } from './shell.ts'

const preload = fileURLToPath(new URL('../fixtures/loaded/list.js', import.meta.url))

/** The packages that are loaded until the gateway is ready and stopped again; `ask` is a path of the admin listener. */
async function loadedBy(config: object, ask?: string): Promise<string[]> {
  const cwd = temporaryFolder()
  const file = join(cwd, 'portcullis.yaml')
  const quiet = { listen: { port: 0 }, admin: { port: 0 }, telemetry: { log: { level: 'error' } } }
  writeFileSync(file, stringify({ version: 1, ...quiet, ...config }))
  const running = await startProcess(
    node,
    [...nodeFlags, '--import', preload, bin, 'start', '--config', file],
    { cwd, until: /^\{"event":"ready".*$/, timeout: 30_000 },
  )
  const { admin } = JSON.parse(running.match[0])
  if (ask !== undefined) expect((await fetch(`${admin}${ask}`)).status).toBe(200)
  const line = running.line(/^loaded: (.*)$/)
  await running.stop()
  return JSON.parse((await line)[1] ?? '')
}

// nobody listens there: the pool is made all the same
const SERVERS = [{ name: 'files', url: 'http://127.0.0.1:9/mcp' }]
// in the built form they are joined into it, all but undici
const PLAIN = ['commander', 'eventsource-parser', 'lru-cache', 'p-timeout', 'undici', 'yaml']
const optional = (loaded: readonly string[]) => loaded.filter((name) => !PLAIN.includes(name))

describe('a start', () => {
  it('loads for a server over HTTP the pool of undici, and nothing that is optional', async () => {
    const loaded = await loadedBy({ servers: SERVERS })
    expect(optional(loaded)).toEqual([])
    expect(loaded).toContain('undici')
  })

  it('loads no HTTP client without a server over HTTP', async () => {
    const loaded = await loadedBy({})
    expect(optional(loaded)).toEqual([])
    expect(loaded).not.toContain('undici')
  })

  it('loads CEL with a condition, and what writes metrics with the first scrape', async () => {
    const policy = {
      name: 'never',
      on: ['tool_pre_invoke'],
      when: 'payload.name == "none"',
      // biome-ignore lint/suspicious/noThenProperty: the word of the configuration; the value is never awaited
      then: 'deny',
      reason: 'never',
    }
    const plugins = { enabled: true, allowed: ['rules'] }
    const loaded = await loadedBy({ servers: SERVERS, plugins, policies: [policy] }, '/metrics')
    expect(optional(loaded)).toEqual(expect.arrayContaining(['@bufbuild/cel', 'prom-client']))
  })
})
