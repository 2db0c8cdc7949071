// Starts the gateway as a desktop client does, twice: with a gateway of its own, and in front of one that runs.
import { strict as assert } from 'node:assert'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { startGateway } from 'portcullis'

const here = import.meta.dirname
const configFile = join(here, 'gateway.yaml')
const written = join(here, 'files/written.txt')

/** What stands under `command` and `args` in a client's configuration. */
async function write(...args: readonly string[]): Promise<string> {
  const command = [...process.execArgv, join(here, '../../bin/portcullis.js'), 'stdio', ...args]
  const client = new Client({ name: 'desk', version: '1.0.0' })
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: command, stderr: 'ignore' }),
  )
  try {
    const params = { path: written, content: 'hello' }
    const { content } = await client.callTool({ name: 'files__write_file', arguments: params })
    const [first] = content
    return first?.type === 'text' ? first.text : ''
  } finally {
    await client.close()
  }
}

const refused = await write('--config', configFile)
assert.equal(refused, 'blocked by policy: on a desk these files are read only (DESKS_READ)')
assert.equal(existsSync(written), false)
console.log(`its own gateway: ${refused}`)

const running = await startGateway({
  configFile,
  flags: { 'listen.port': 0, 'admin.port': 0, 'telemetry.log.level': 'error' },
  watch: false,
})
try {
  const taken = await write('--url', running.url)
  assert.match(taken, /^Successfully wrote/)
  assert.equal(existsSync(written), true)
  console.log('a running one: written')
} finally {
  await running.stop()
  rmSync(written, { force: true })
}
