// `portcullis init` and `portcullis import`: what they write, and what they refuse to write.
import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cli } from './shell.ts'

const CLIENT = JSON.stringify({
  mcpServers: {
    files: {
      command: 'npx',
      args: ['-y', 'server-filesystem', '/data'],
      env: { TOKEN: 'hunter2' },
    },
    search: { url: 'https://search.example.com/mcp' },
  },
})

describe('init', () => {
  it('writes a commented file that only its owner can read and that is valid', async () => {
    const { exit, cwd, json } = await cli(['init'])
    expect(exit).toBe(0)
    expect(json).toEqual({ written: `${cwd}/portcullis.yaml` })
    expect(statSync(`${cwd}/portcullis.yaml`).mode & 0o777).toBe(0o600)
    const checked = await cli(['validate', '--strict'], { cwd })
    expect(checked.json).toMatchObject({ valid: true, servers: 1, entries: 2, warnings: [] })
  })

  it('does not overwrite a file', async () => {
    const files = { 'mine.yaml': 'mine' }
    const { exit, err, cwd } = await cli(['init', 'mine.yaml'], { files })
    expect(exit).toBe(2)
    expect(err).toContain('exists already and is not overwritten')
    expect(readFileSync(`${cwd}/mine.yaml`, 'utf8')).toBe('mine')
  })

  it('says what is wrong when the folder is not there', async () => {
    const { exit, err } = await cli(['init', 'no/such/folder.yaml'])
    expect(exit).toBe(1)
    expect(err).toContain('cannot be written')
  })
})

describe('import', () => {
  it('prints YAML, also into a pipe', async () => {
    const { exit, out } = await cli(['import', 'mcp.json'], { files: { 'mcp.json': CLIENT } })
    expect(exit).toBe(0)
    expect(out).toMatch(/^version: 1\nservers:\n/)
    expect(out).toContain('url: https://search.example.com/mcp')
  })

  it('writes a new file for its owner alone, and it is valid', async () => {
    const files = { 'mcp.json': CLIENT }
    const { exit, cwd } = await cli(['import', 'mcp.json', '--out', 'portcullis.yaml'], { files })
    expect(exit).toBe(0)
    expect(statSync(`${cwd}/portcullis.yaml`).mode & 0o777).toBe(0o600)
    const again = await cli(['import', 'mcp.json', '--out', 'portcullis.yaml'], { cwd })
    expect(again.exit).toBe(2)
    const checked = await cli(['validate'], { cwd, env: { TOKEN: 'x' } })
    expect(checked.json).toMatchObject({ valid: true, servers: 2 })
  })

  it('gives programs the document and what was left out', async () => {
    const files = { 'mcp.json': CLIENT }
    const { json, err } = await cli(['import', 'mcp.json', '--json'], { files })
    expect(json).toMatchObject({ format: 'mcpServers', document: { version: 1 } })
    for (const line of err.trim().split('\n').filter(Boolean))
      expect(() => JSON.parse(line)).not.toThrow()
  })

  it('tells a person how to point the client at the gateway', async () => {
    const { err } = await cli(['import', 'mcp.json'], { files: { 'mcp.json': CLIENT } })
    expect(err).toContain('"url":"http://127.0.0.1:8080/mcp"')
  })

  it.each([
    ['a file that is not there', 'none.json', /cannot be read/],
    ['a format nobody knows', 'odd.json', /not recognised/],
    ['what is no JSON', 'broken.json', /broken\.json:1:/],
  ])('ends with 78 for %s', async (_what, file, message) => {
    const files = { 'odd.json': '{"a":1}', 'broken.json': '{"mcpServers": ' }
    const { exit, err, out } = await cli(['import', file], { files })
    expect(exit).toBe(78)
    expect(err).toMatch(message)
    expect(out).toBe('')
  })
})
