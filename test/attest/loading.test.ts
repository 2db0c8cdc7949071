// What a gateway loads of the attestation room: nothing but its options, until a configuration has the section.
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/directory.ts'
import { node, root } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'

/** Prints the sources below src that a process loads until its gateway is there. */
const SCRIPT = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
const { createGateway } = await import(process.cwd() + '/src/index.ts')
const { silentLogger } = await import(process.cwd() + '/src/base/log.ts')
const config = JSON.parse(process.argv[2])
const gateway = await createGateway({ config, log: silentLogger })
const below = new URL('src/', 'file://' + process.cwd() + '/').href
console.log(JSON.stringify(loaded.filter((url) => url.startsWith(below)).map((url) => url.slice(below.length))))
await gateway.close()
`

async function loadedBy(config: object): Promise<readonly string[]> {
  // a file: a thread cannot be started by a program that was given as text
  await using directory = await temporaryDirectory({ 'load.mjs': SCRIPT })
  const args = ['--conditions=portcullis-source', `${directory.path}/load.mjs`]
  const { code, stdout, stderr } = await runProcess(node, [...args, JSON.stringify(config)], {
    cwd: root,
    timeout: 60_000,
  })
  expect([code, stderr]).toEqual([0, ''])
  const line = stdout.split('\n').find((one) => one.startsWith('["'))
  return JSON.parse(line ?? '[]') as string[]
}

describe('a gateway', () => {
  it('without the section loads nothing that reads, judges or fetches evidence', async () => {
    const loaded = await loadedBy({ version: 1 })
    expect(loaded).toContain('app.ts')
    const attestation = loaded.filter((file) => /^(?:app\/)?attest/.test(file))
    expect(attestation).toEqual([
      'app/attestation/attestation.ts',
      'attest/option-checks.ts',
      'attest/options.ts',
      'attest/policy/date.ts',
    ])
  }, 60_000)

  it('with the section loads the room, which shows that the test above would see it', async () => {
    await using directory = await temporaryDirectory({
      'policy.yaml': `version: 1\nid: one\npackage: { reference: { command: ["sha256:${'00'.repeat(32)}"] } }\n`,
    })
    const policies = [`${directory.path}/policy.yaml`]
    const loaded = await loadedBy({
      version: 1,
      attestation: { policies },
      // nothing of the test stays
      store: { url: 'sqlite::memory:' },
    })
    expect(loaded).toContain('app/attestation/open.ts')
    expect(loaded).toContain('attest/format/der.ts')
  }, 60_000)
})
