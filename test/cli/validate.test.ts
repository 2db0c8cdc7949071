// `portcullis validate` on files as people write them.
import { describe, expect, it } from 'vitest'
import { cli } from './shell.ts'

const GOOD = `version: 1
servers:
  - { name: files, command: node, env: { API_KEY: "\${env:KEY}" } }
plugins: { enabled: true, allowed: [rules] }
policies:
  - { name: no-deletes, on: [tool_pre_invoke], then: deny, code: NO, reason: "no" }
`
const BAD = `version: 1
listen: { prot: 8080 }
servers:
  - { name: files }
`
const env = { KEY: 'hunter2-secret' }

describe('validate', () => {
  it('finds portcullis.yaml in the working directory and says what is in it', async () => {
    const { exit, json } = await cli(['validate'], { files: { 'portcullis.yaml': GOOD }, env })
    expect(exit).toBe(0)
    expect(json).toMatchObject({ valid: true, servers: 1, entries: 1, profile: null, warnings: [] })
  })

  it('says it in one line to a person', async () => {
    const { out } = await cli(['validate'], {
      files: { 'portcullis.yaml': GOOD },
      env: { ...env, NO_COLOR: '1' },
      tty: true,
    })
    expect(out).toBe('valid: 1 server, 1 entry or policy, 0 warnings\n')
  })

  it('ends with 78 and every problem at its place', async () => {
    const { exit, json } = await cli(['validate'], { files: { 'portcullis.yaml': BAD } })
    expect(exit).toBe(78)
    expect(json).toMatchObject({
      valid: false,
      code: 'CONFIG_INVALID',
      problems: [
        { line: 2, column: 11, path: 'listen.prot', suggestion: 'port' },
        { line: 4, column: 5, path: 'servers[0]' },
      ],
    })
  })

  it('shows a person file, line and column relative to where they are', async () => {
    const files = { 'portcullis.yaml': BAD }
    const { exit, err } = await cli(['validate'], { files, tty: true, env: { NO_COLOR: '1' } })
    expect(exit).toBe(78)
    expect(err).toContain(
      '  portcullis.yaml:2:11: unknown key "prot" in listen (did you mean port?)\n',
    )
  })

  it('checks plugins too: an entry whose plugin no gate lets in', async () => {
    const closed = GOOD.replace('allowed: [rules]', 'allowed: []')
    const { exit, json } = await cli(['validate'], { files: { 'portcullis.yaml': closed }, env })
    expect(exit).toBe(78)
    expect(json).toMatchObject({ valid: false, code: 'PLUGIN_GATE' })
  })

  it('prints the values in force with their origin, and no secret', async () => {
    const files = { 'portcullis.yaml': GOOD }
    const { exit, out } = await cli(['validate', '--print'], { files, env })
    expect(exit).toBe(0)
    expect(out).toContain('port: 8080 # default')
    expect(out).toMatch(/name: files +# portcullis\.yaml:3:13/)
    expect(out).not.toContain('hunter2')
  })

  it('prints them as JSON when asked to', async () => {
    const files = { 'portcullis.yaml': GOOD }
    const { json } = await cli(['validate', '--print', '--json'], { files, env })
    expect(json.config).toMatchObject({ listen: { port: 8080 }, servers: [{ name: 'files' }] })
    expect(JSON.stringify(json)).not.toContain('hunter2')
  })

  it('takes the file of --config before that of the environment before the usual places', async () => {
    const files = { 'portcullis.yaml': GOOD, 'a.yaml': 'version: 1\n', 'b.yaml': BAD }
    const named = { files, env: { ...env, PORTCULLIS_CONFIG: 'b.yaml' } }
    expect((await cli(['validate', '--config', 'a.yaml'], named)).json).toMatchObject({
      servers: 0,
    })
    expect((await cli(['validate'], named)).exit).toBe(78)
  })

  it('ends with 78 when there is no configuration, and says what to do', async () => {
    const { exit, err } = await cli(['validate', '--print'])
    expect(exit).toBe(78)
    expect(err).toContain('portcullis.yaml or config/gateway.yaml')
    expect(err).toContain('portcullis init')
  })

  it('treats warnings as errors with --strict only', async () => {
    const { exit, cwd } = await cli(['init'])
    expect(exit).toBe(0)
    const { chmod } = await import('node:fs/promises')
    await chmod(`${cwd}/portcullis.yaml`, 0o660)
    const lenient = await cli(['validate'], { cwd })
    expect(lenient.exit).toBe(0)
    expect(lenient.err).toContain('warning:')
    expect((await cli(['validate', '--strict'], { cwd })).exit).toBe(78)
    expect((await cli(['validate', '--quiet'], { cwd })).err).toBe('')
  })
})
