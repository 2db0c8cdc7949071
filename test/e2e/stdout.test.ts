// What plugins print does not reach the gateway's stdout, which belongs to whoever started it.
import { readFile } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { bin, node, nodeFlags } from '../support/paths.ts'
import { startProcess } from '../support/process.ts'

const FILES = {
  'gateway.yaml': `
version: 1
listen: { port: 0 }
admin: { port: 0 }
plugins:
  enabled: true
  allowed: [chatty]
  dirs: [./plugins]
  entries: [{ name: chatty, use: chatty }]
`,
  'plugins/chatty/plugin.yaml': `
id: chatty
version: 1.0.0
description: prints
hooks: [tool_pre_invoke]
entry: ./index.ts
`,
  'plugins/chatty/index.ts': `
import { definePlugin } from 'portcullis/plugin'
export default definePlugin({
  id: 'chatty',
  setup() {
    console.log('printed by a plugin')
    return { hooks: { tool_pre_invoke() {} } }
  },
})
`,
}

describe('a plugin that prints', () => {
  it('is heard on stderr, line by line, and never on stdout', async () => {
    await using directory = await temporaryDirectory(FILES)
    const command = [node, ...nodeFlags, bin, 'start', '--config', 'gateway.yaml']
    await using gateway = await startProcess(
      'sh',
      ['-c', 'exec "$0" "$@" >stdout.txt', ...command],
      {
        cwd: directory.path,
      },
    )
    await gateway.line(/^printed by a plugin$/)
    const stdout = await vi.waitFor(
      async () => {
        const text = await readFile(`${directory.path}/stdout.txt`, 'utf8')
        expect(text).toContain('"event":"ready"')
        return text
      },
      { timeout: 10_000 },
    )
    expect(stdout).not.toContain('by a plugin')
  })
})
