// `portcullis doctor`: what it looks at, and how it ends.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { checkNode, checkPort, findCommand } from '../../src/cli/checks.ts'
import { cli, temporaryFolder } from './shell.ts'

interface Check {
  check: string
  state: string
  says: string
  next?: string
}

const head = 'version: 1\nlisten: { port: 0 }\nadmin: { port: 0 }\n'
const doctor = async (servers: string) => {
  const files = { 'portcullis.yaml': `${head}servers:\n${servers}` }
  const { exit, json } = await cli(['doctor'], { files })
  const checks = json.checks as Check[]
  return { exit, json, about: (name: string) => checks.filter(({ check }) => check === name) }
}

async function listening(status: number) {
  const server = createServer((_request, response) => response.writeHead(status).end('{}'))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/mcp`,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  }
}

describe('doctor', () => {
  it('finds nothing wrong with a configuration that would start', async () => {
    await using upstream = await listening(405)
    const { exit, json, about } = await doctor(
      `  - { name: here, command: node }\n  - { name: there, url: "${upstream.url}" }\n`,
    )
    expect(exit).toBe(0)
    expect(json.healthy).toBe(true)
    expect(about('server here')).toMatchObject([{ state: 'fine' }])
    expect(about('server there')).toMatchObject([{ state: 'fine' }])
    expect(about('MCP endpoint')).toMatchObject([{ state: 'fine' }])
  })

  it('says that nothing is protected when no entry runs', async () => {
    const { about } = await doctor('  - { name: here, command: node }\n')
    expect(about('plugins')).toMatchObject([
      { state: 'doubtful', says: expect.stringContaining('nothing is protected') },
    ])
  })

  it('ends with 1 when a command is not there, an address does not answer or a key is refused', async () => {
    await using refusing = await listening(401)
    const gone = await listening(200)
    await gone[Symbol.asyncDispose]()
    const { exit, about } = await doctor(
      [
        '  - { name: a, command: no-such-command-here }',
        `  - { name: b, url: "${gone.url}" }`,
        `  - { name: c, url: "${refusing.url}" }\n`,
      ].join('\n'),
    )
    expect(exit).toBe(1)
    expect(about('server a')).toMatchObject([
      { state: 'wrong', says: 'no-such-command-here is not on the PATH' },
    ])
    expect(about('server b')).toMatchObject([
      { state: 'wrong', says: expect.stringContaining('ECONNREFUSED') },
    ])
    expect(about('server c')).toMatchObject([
      { state: 'wrong', says: expect.stringContaining('answers 401') },
    ])
  })

  it('ends with 78 and the places when the configuration is wrong', async () => {
    const files = { 'portcullis.yaml': 'version: 2\n' }
    const { exit, json } = await cli(['doctor'], { files })
    expect(exit).toBe(78)
    expect(json).toMatchObject({ healthy: false, problems: [{ line: 1, column: 10 }] })
  })

  it('shows a person one line per check', async () => {
    const files = { 'portcullis.yaml': head }
    const { out } = await cli(['doctor'], { files, tty: true, env: { NO_COLOR: '1' } })
    expect(out).toMatch(/^ok {2}node +\d+\.\d+\.\d+$/m)
    expect(out).toMatch(/^ok {2}MCP endpoint +127\.0\.0\.1, a free port$/m)
  })
})

describe('the checks', () => {
  it.each([
    ['26.10.0', 'fine'],
    ['24.15.0', 'doubtful'],
    ['24.14.9', 'wrong'],
    ['25.1.0', 'wrong'],
    ['20.20.2', 'wrong'],
  ])('call Node %s %s', (version, state) => {
    expect(checkNode(version).state).toBe(state)
  })

  it('tell a port in use from a free one', async () => {
    await using taken = await listening(200)
    expect(await checkPort('x', { host: '127.0.0.1', port: taken.port })).toMatchObject({
      state: 'doubtful',
    })
    expect(await checkPort('x', { host: '203.0.113.1', port: 0 })).toMatchObject({ state: 'wrong' })
  })

  it('find a command on the PATH, by path, and not what cannot be executed', () => {
    const cwd = temporaryFolder({ 'no-program': 'text' })
    const path = process.env.PATH ?? ''
    expect(findCommand('node', { path, cwd })).toMatch(/\/node$/)
    expect(findCommand(process.execPath, { path: '', cwd })).toBe(process.execPath)
    expect(findCommand('./no-program', { path, cwd })).toBeUndefined()
    expect(findCommand('no-program', { path: cwd, cwd })).toBeUndefined()
  })
})
