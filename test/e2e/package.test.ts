// The published form: built, packed, unpacked and started with no configuration, as `npx portcullis` does.
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { node, root } from '../support/paths.ts'
import { type RunningProcess, runProcess, startProcess } from '../support/process.ts'
import { openSession, rpc } from '../support/rpc.ts'

// below the repository, so that the package finds its dependencies without another installation
const place = fileURLToPath(new URL('../../.cache/package/', import.meta.url))
let demo: RunningProcess
let url: string

function methodsIn(file: string): unknown[] {
  if (!existsSync(file)) return []
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return db
      .prepare('SELECT method FROM audit_records')
      .all()
      .map(({ method }) => method)
  } catch {
    // the tables are not there yet
    return []
  } finally {
    db.close()
  }
}

const STORE = `
version: 1
listen: { port: 0 }
admin: { port: 0 }
audit: { sinks: [{ type: store }] }
`

async function run(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess(command, args, { cwd: root, timeout: 60_000 })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`)
  return stdout
}

beforeAll(async () => {
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { recursive: true })
  await writeFile(`${place}/store.yaml`, STORE)
  await run('npm', 'run', '--silent', 'build')
  await run('npm', 'pack', '--ignore-scripts', '--pack-destination', place)
  await run('tar', '-xzf', `${place}/portcullis-0.1.0.tgz`, '-C', place)
  demo = await startProcess(node, [`${place}/package/bin/portcullis.js`, 'start', '--port', '0'], {
    cwd: place,
    env: { PORTCULLIS_ADMIN_PORT: '0' },
    until: /"event":"ready","url":"([^"]+)"/,
    timeout: 30_000,
  })
  url = demo.match[1] ?? ''
}, 120_000)
afterAll(() => demo?.stop())

describe('the published package without a configuration', () => {
  it('serves a demo server of its own behind at least four policies', async () => {
    const { headers } = await openSession(url)
    const { response } = await rpc(url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers)
    const { tools } = (response?.result ?? {}) as { tools?: readonly unknown[] }
    expect(tools).toContainEqual(expect.objectContaining({ inputSchema: expect.anything() }))
    const ready = JSON.parse((await demo.line(/^\{"event":"ready".*$/))[0])
    const entries = Object.values(ready.servers[0].points).flat() as { entry: string }[]
    expect(new Set(entries.map(({ entry }) => entry)).size).toBeGreaterThanOrEqual(4)
  })

  it('keeps its audit in the store, with the thread that it brings', async () => {
    const configured = await startProcess(
      node,
      [`${place}/package/bin/portcullis.js`, 'start', '--config', `${place}/store.yaml`],
      { cwd: place, until: /"event":"ready","url":"([^"]+)"/, timeout: 30_000 },
    )
    try {
      const { headers } = await openSession(configured.match[1] ?? '')
      expect(headers).toHaveProperty('mcp-session-id')
      await expect
        .poll(() => methodsIn(`${place}/data/portcullis.db`), { timeout: 5000 })
        .toContain('initialize')
    } finally {
      await configured.stop()
    }
  })

  it('brings no sources, tests or tools', async () => {
    const files = await run('tar', '-tzf', `${place}/portcullis-0.1.0.tgz`)
    const names = files.trim().split('\n')
    expect(names.filter((name) => !/^package\/(dist|bin)\//.test(name)).toSorted()).toEqual([
      'package/LICENSE',
      'package/README.md',
      'package/package.json',
    ])
    expect(names.filter((name) => /\.test\.|(?<!\.d)\.ts$/.test(name))).toEqual([])
  })
})
