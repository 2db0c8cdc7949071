// Servers without TLS in front of a real gateway: commands whose files are measured, policies that such a server cannot satisfy, and plain HTTP.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../support/directory.ts'
import { liveAuthority } from './authority.ts'
import { program } from './program.ts'
import { type World, world } from './world.ts'

const sha256Of = (file: string) =>
  `sha256:${createHash('sha256').update(readFileSync(file)).digest('hex')}`

describe('a server without TLS', () => {
  const open: AsyncDisposable[] = []
  let made: World
  let folder: string
  beforeAll(async () => {
    const directory = await temporaryDirectory({})
    open.push(directory)
    folder = directory.path
    const file = (name: string) => join(folder, name)
    const executable = (name: string, text: string) =>
      writeFileSync(file(name), text, { mode: 0o700 })
    executable('good.mjs', program())
    executable('later.mjs', program())
    const mark = `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(file('ran'))}, '')`
    executable('bad.mjs', program(mark))
    writeFileSync(file('settings'), 'mild')
    writeFileSync(file('others'), 'wild')
    const command = [sha256Of(file('good.mjs'))]
    const files = [sha256Of(file('settings'))]
    const stdio = (
      name: string,
      attestation: string | undefined,
      script: string,
      settings = 'settings',
    ) => ({
      name,
      command: file(script),
      args: ['--quiet', file(settings)],
      ...(attestation === undefined ? {} : { attestation }),
    })
    const http = { url: 'http://127.0.0.1:1/mcp' }
    made = await world({
      servers: [
        stdio('measured', 'package', 'good.mjs'),
        stdio('later', 'package', 'later.mjs'),
        stdio('changed', 'package', 'bad.mjs'),
        stdio('other', 'package', 'good.mjs', 'others'),
        stdio('absent', 'package', 'nowhere'),
        stdio('tls', 'with-tls', 'good.mjs'),
        stdio('evidence', 'with-evidence', 'good.mjs'),
        stdio('nobodys', undefined, 'good.mjs'),
        { name: 'plain', ...http, attestation: 'with-tls' },
        { name: 'plain-package', ...http, attestation: 'package' },
        { name: 'plain-nobodys', ...http },
      ],
      attestation: { require: 'all', anchors: { live: { pem: liveAuthority().pem } } },
      policies: [
        {
          version: 1,
          id: 'package',
          package: { reference: { command, files } },
          result: { ttl: '20s', reattest: { interval: '1s', jitter: '0%' } },
        },
        {
          version: 1,
          id: 'with-tls',
          tls: {
            anchors: ['live'],
            identity: { any_of: [{ dns: 'localhost' }] },
            revocation: { mode: 'off' },
          },
        },
        {
          version: 1,
          id: 'with-evidence',
          evidence: {
            require: { all_of: ['nitro'] },
            nitro: { reference: { pcr0: [`sha384:${'a0'.repeat(48)}`] } },
          },
        },
      ],
    })
    open.push(made)
  })
  afterAll(async () => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
  })

  const recordsNow = async (name: string) =>
    (await made.audit('attestation')).filter(({ server }) => server === name)
  /** The audit is written behind what it tells of. */
  const records = async (name: string) => {
    await expect.poll(() => recordsNow(name), { timeout: 10_000 }).not.toEqual([])
    return recordsNow(name)
  }
  const lastCode = (name: string, code: string | undefined) =>
    expect.poll(async () => (await recordsNow(name)).at(-1)?.code, { timeout: 15_000 }).toBe(code)

  it('is admitted when the command and its files are those of the policy', async () => {
    expect(made.admission('measured').reason).toBeUndefined()
    expect(await made.call('measured')).toMatchObject({ ok: true })
    // the audit is written behind what it tells of
    const first = async () => (await records('measured'))[0]
    await expect.poll(first, { timeout: 15_000 }).toMatchObject({
      verdict: 'admit',
      effective: true,
      policy: 'package',
      details: {
        matched: [sha256Of(join(folder, 'good.mjs')), sha256Of(join(folder, 'settings'))],
      },
    })
  })

  it.each([
    ['a changed program', 'changed', 'package.unlisted', 'command'],
    ['another file among its arguments', 'other', 'package.unlisted', 'argument 2'],
    ['a command that does not exist', 'absent', 'package.unmeasured', 'no such program'],
    ['a policy that asks for TLS', 'tls', 'policy.transport', ''],
    ['a policy that asks for evidence', 'evidence', 'policy.transport', ''],
    ['no policy, where each server needs one', 'nobodys', 'policy.none', ''],
    ['plain HTTP, and a policy that asks for TLS', 'plain', 'policy.transport', ''],
    ['plain HTTP, and a policy about a command', 'plain-package', 'package.unmeasured', ''],
    ['plain HTTP, and no policy where each server needs one', 'plain-nobodys', 'policy.none', ''],
  ])('is refused with %s', async (_what, name, code, detail) => {
    expect(made.admission(name).admission).toBe('quarantined')
    expect((await made.call(name)).text).toContain('UPSTREAM_QUARANTINED')
    await lastCode(name, code)
    const [record] = await records(name)
    expect(record).toMatchObject({ verdict: 'deny', effective: true, code })
    expect(record?.reason).toContain(detail)
    expect(made.admission(name).reason).toBe(`${record?.reason} (${code})`)
  })

  it('is not even started when it is refused', () => {
    expect(existsSync(join(folder, 'ran'))).toBe(false)
  })

  it('is quarantined when its program is changed while it serves', async () => {
    expect((await made.call('later')).ok).toBe(true)
    appendFileSync(join(folder, 'later.mjs'), '// changed\n')
    await made.until('later', 'quarantined', 15_000)
    await lastCode('later', 'package.unlisted')
    expect((await made.call('later')).ok).toBe(false)
  })
})
